//! What proves who somebody is: made, kept as a hash, compared, judged. Whose it is, is no matter here.

pub mod certificates;
pub mod links;
pub mod passwords;
pub mod secrets;
pub mod throttle;

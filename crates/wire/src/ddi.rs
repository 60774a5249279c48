//! Direct Device Integration v1, the device-side dialect of Eclipse hawkBit, below `/{tenant}/controller/v1`.
//!
//! The order of members is stable and what is absent is left out, because small devices read these bodies with
//! small parsers. What devices send is read as leniently as it can be without guessing.

mod body;
mod cancel;
mod cbor;
mod config_data;
mod confirmation;
mod deployment;
mod feedback;
mod installed;
mod poll;
mod repair;

pub use body::{DeviceBody, Members, Reading, Repairs, Unreadable, read, read_beginning};
pub use cancel::{CancelOut, StopOut};
pub use config_data::{ConfigDataIn, ConfigDataMode};
pub use confirmation::{
    AutoConfirmIn, AutoConfirmOut, ConfirmationBaseOut, ConfirmationIn, ConfirmationLinks, ConfirmationOut,
    ConfirmationWord,
};
pub use deployment::{
    ActionHistoryOut, ArtifactLinks, ArtifactOut, ChunkOut, DeploymentOut, DeploymentPlanOut, Handling, HashesOut,
    MaintenanceWindow, MetadataOut,
};
pub use feedback::{Execution, FeedbackIn, Finished, ResultIn, StatusIn};
pub use installed::InstalledIn;
pub use poll::{Link, PollConfigOut, PollLinks, PollOut, PollingOut};
pub use repair::{Repair, repair};

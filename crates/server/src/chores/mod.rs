//! stub
/// stub
pub async fn run(_: crate::Service, _: tokio::sync::watch::Receiver<()>) {}

//! `otaria demo`

use clap::Args;

use crate::Failure;

/// placeholder
#[derive(Args)]
pub struct Options {}

/// placeholder
pub async fn run(_: &Options) -> Result<(), Failure> { Ok(()) }

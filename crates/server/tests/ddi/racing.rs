//! A device that asks for a push at the moment when it is taken back: what it is given, it is asked to let go of.

use std::time::Duration;

use otaria_core::FirmwareType;
use otaria_core::push::{Event, PushState};
use rstest::rstest;

use crate::scratch::Engine;
use crate::world::{FILE_NAME, World};

/// How many moments of a question are tried.
const ROUNDS: u64 = 25;

#[rstest]
#[tokio::test]
async fn what_was_taken_back_meanwhile_is_not_given(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
    #[values(Event::CancelRequested, Event::Superseded)] event: Event,
    #[values("deploymentBase/ACTION", "softwaremodules/ACTION/artifacts/FILE")] path: &str,
) {
    let Some(world) = World::on(engine).await else { return };
    for round in 0..ROUNDS {
        let pushed = world.push_bytes(FirmwareType::HUB, &round.to_string(), b"image").await;
        let path = path.replace("ACTION", &pushed.action.to_string()).replace("FILE", FILE_NAME);
        let asking = world.get(&format!("/{path}")).send();
        // The question is later by a connection and a look into the database.
        let after = Duration::from_millis(round);
        let (answer, ()) = tokio::join!(asking, world.take_back(&pushed, event.clone(), after));
        let is_given = answer.unwrap().status() == 200;
        let push = world.record(&pushed).await;
        assert_eq!(is_given, push.started.is_some(), "after {after:?} it is {}", push.state);
        if push.state == PushState::Cancelling {
            let answered = format!("/cancelAction/{}/feedback", pushed.action);
            assert_eq!(world.feedback(&answered, "closed", "success", &[]).await, 200);
        }
        assert!(!world.state(&pushed).await.is_live());
    }
}

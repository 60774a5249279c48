//! A device that asks for a push at the moment when it is taken back: what it is given, it is asked to let go of.

use std::time::Duration;

use otaria_core::FirmwareType;
use otaria_core::push::{Event, PushState};
use rstest::rstest;

use crate::scratch::Engine;
use crate::world::{FILE_NAME, World};

/// How often each is to be first.
const FIRST: usize = 5;
/// After how many questions it is given up that one ever is.
const MOST: usize = 1000;
/// How much later or earlier a push is taken back the next time.
const STEP: Duration = Duration::from_micros(500);

#[rstest]
#[tokio::test]
async fn what_was_taken_back_meanwhile_is_not_given(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
    #[values(Event::CancelRequested, Event::Superseded)] event: Event,
    #[values("deploymentBase/ACTION", "softwaremodules/ACTION/artifacts/FILE")] path: &str,
) {
    let world = World::on(engine).await;
    // How long after the question the push is taken back: it goes to and fro about the moment at which the question is
    // answered, which is another one on every machine.
    let mut after = Duration::ZERO;
    let (mut given, mut withheld) = (0, 0);
    for round in 0..MOST {
        if given >= FIRST && withheld >= FIRST {
            return;
        }
        let pushed = world.push_bytes(FirmwareType::HUB, &round.to_string(), b"image").await;
        let path = path.replace("ACTION", &pushed.action.to_string()).replace("FILE", FILE_NAME);
        let asking = world.get(&format!("/{path}")).send();
        let take_back = async {
            tokio::time::sleep(after).await;
            world.take_back(&pushed, event.clone()).await;
        };
        let (answer, ()) = tokio::join!(asking, take_back);
        let is_given = answer.unwrap().status() == 200;
        if is_given {
            given += 1;
            after = after.saturating_sub(STEP);
        } else {
            withheld += 1;
            after += STEP;
        }
        let push = world.record(&pushed).await;
        assert_eq!(is_given, push.started.is_some(), "after {after:?} it is {}", push.state);
        if push.state == PushState::Cancelling {
            let answered = format!("/cancelAction/{}/feedback", pushed.action);
            assert_eq!(world.feedback(&answered, "closed", "success", &[]).await, 200);
        }
        assert!(!world.state(&pushed).await.is_live());
    }
    panic!("{given} times the question was first, and {withheld} times it was not");
}

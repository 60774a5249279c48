use serde_json::Value;

use super::body::{DeviceBody, Members, Repairs, Unreadable, word};

/// What a device says about an update, or about stopping one.
///
/// Which update it means, and when, the request itself tells: `id`, `time` and `timestamp` are not read, so that
/// nothing a device writes there can spoil the rest.
#[derive(Clone, Debug, PartialEq)]
pub struct FeedbackIn {
    /// How it goes.
    pub status: StatusIn,
}

/// How an update goes.
#[derive(Clone, Debug, PartialEq)]
pub struct StatusIn {
    /// What the device is doing.
    pub execution: Execution,
    /// What came of it.
    pub result: ResultIn,
    /// A number of the device's own choice; anything but an integer counts as absent.
    pub code: Option<i64>,
    /// The device's own words, oldest first. A single text counts as one line, and what is no text as its JSON.
    pub details: Vec<String>,
}

/// What a device is doing about an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Execution {
    /// It is done with it, for better or worse.
    Closed,
    /// It is at it.
    Proceeding,
    /// It has stopped.
    Canceled,
    /// It will do it later.
    Scheduled,
    /// It does not want to.
    Rejected,
    /// It goes on after a pause.
    Resumed,
    /// It is downloading.
    Download,
    /// It has downloaded everything.
    Downloaded,
    /// Something for which the protocol has no word. Whatever it is, it is no end.
    Other,
}

/// What came of an update.
#[derive(Clone, Debug, PartialEq)]
pub struct ResultIn {
    /// How it ended, if it did.
    pub finished: Finished,
    /// How far it is: usually `{"cnt": …, "of": …}`, but anything will do.
    pub progress: Option<Value>,
}

/// How an update ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finished {
    /// Well.
    Success,
    /// Badly.
    Failure,
    /// It has not ended, or the device does not say.
    None,
}

const EXECUTIONS: [(&str, Execution); 8] = [
    ("closed", Execution::Closed),
    ("proceeding", Execution::Proceeding),
    ("canceled", Execution::Canceled),
    ("scheduled", Execution::Scheduled),
    ("rejected", Execution::Rejected),
    ("resumed", Execution::Resumed),
    ("download", Execution::Download),
    ("downloaded", Execution::Downloaded),
];

const FINISHES: [(&str, Finished); 3] =
    [("success", Finished::Success), ("failure", Finished::Failure), ("none", Finished::None)];

impl DeviceBody for FeedbackIn {
    const BEGINS_WITH_WORDS: bool = true;

    /// A report that cannot be read would come again and again. An end, and any other word of the protocol, is taken from
    /// the text where it stands there once, or each time the same; the text itself is what the device says.
    fn of_text(text: &str) -> Option<Self> {
        let execution = spelt(text, "execution", &EXECUTIONS)?;
        let finished = spelt(text, "finished", &FINISHES);
        let finished = if execution == Execution::Closed { finished? } else { finished.unwrap_or(Finished::None) };
        let result = ResultIn { finished, progress: None };
        Some(Self { status: StatusIn { execution, result, code: None, details: vec![text.to_owned()] } })
    }

    /// Only an end needs certainty. A word that nobody knows is no reason to refuse what a device says on the way:
    /// it would only say it again. But an end of which it is not understood how it ended is refused, because a
    /// device forgets what was accepted.
    fn of(mut members: Members, repairs: &mut Repairs) -> Result<Self, Unreadable> {
        let mut status = members.object("status")?;
        let execution = status.take("execution").ok_or_else(|| status.missing("execution"))?;
        let execution = word(&execution, &EXECUTIONS).unwrap_or_else(|came| {
            repairs.note(format!("status.execution {came} is no word of the protocol: it was taken for a note"));
            Execution::Other
        });
        let result = match ResultIn::of(&mut status) {
            (_, Err(error)) if execution == Execution::Closed => return Err(error),
            (progress, Err(error)) => {
                repairs.note(format!("{error}: it is no end, and was taken for none"));
                ResultIn { finished: Finished::None, progress }
            }
            (progress, Ok(finished)) => ResultIn { finished, progress },
        };
        let (code, details) =
            (status.take("code").and_then(code), status.take("details").map_or(Vec::new(), details));
        Ok(Self { status: StatusIn { execution, result, code, details } })
    }
}

impl ResultIn {
    /// How far the device is, and how it ended.
    fn of(status: &mut Members) -> (Option<Value>, Result<Finished, Unreadable>) {
        let mut result = match status.object("result") {
            Ok(result) => result,
            Err(error) => return (None, Err(error)),
        };
        let progress = result.take("progress");
        let finished = result.take("finished").ok_or_else(|| result.missing("finished")).and_then(|finished| {
            word(&finished, &FINISHES).map_err(|came| {
                Unreadable::new(format!("status.result.finished {came} is none of success, failure, none"))
            })
        });
        (progress, finished)
    }
}

/// What stands in a text as this member, if that is one of these words, and no other wherever it stands.
fn spelt<T: Copy + PartialEq>(text: &str, member: &str, known: &[(&str, T)]) -> Option<T> {
    let quoted = format!("\"{member}\"");
    let mut found = None;
    for (at, _) in text.match_indices(&quoted) {
        let value = text.get(at + quoted.len()..)?.trim_start().strip_prefix(':')?.trim_start().strip_prefix('"')?;
        let (came, _) = value.split_once('"')?;
        let meaning = word(&Value::from(came), known).ok()?;
        if found.is_some_and(|before| before != meaning) {
            return None;
        }
        found = Some(meaning);
    }
    found
}

fn code(value: Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

pub(super) fn details(value: Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.into_iter().filter_map(line).collect(),
        other => line(other).into_iter().collect(),
    }
}

pub(super) fn line(value: Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::super::{Reading, read, read_beginning};
    use super::*;

    fn reading(body: &str) -> Reading<FeedbackIn> {
        read(body.as_bytes()).unwrap_or_else(|error| panic!("{error}: {body}"))
    }

    fn parse(body: &str) -> FeedbackIn {
        reading(body).value
    }

    fn status(rest: &str) -> StatusIn {
        parse(&format!(r#"{{"status":{{"execution":"proceeding","result":{{"finished":"none"}}{rest}}}}}"#)).status
    }

    #[test]
    fn the_example_of_the_contract_is_read() {
        let body = r#"{ "timestamp": 1790000000000,
            "status": { "execution": "proceeding",
              "result": { "finished": "none", "progress": { "cnt": 2, "of": 5 } },
              "code": 120, "details": ["writing slot b"] } }"#;
        let expected = StatusIn {
            execution: Execution::Proceeding,
            result: ResultIn { finished: Finished::None, progress: Some(json!({"cnt": 2, "of": 5})) },
            code: Some(120),
            details: vec!["writing slot b".into()],
        };
        assert_eq!(parse(body).status, expected);
    }

    #[test]
    fn swupdate_with_a_numeric_id_and_its_own_time() {
        let body = r#"{"id":31,"time":"20261122T184337","status":{"result":{"progress":{"cnt":0,"of":1},"finished":"none"},"execution":"proceeding","details":["Installing Update Chunk Artifacts."]}}"#;
        assert_eq!(parse(body).status.details, ["Installing Update Chunk Artifacts."]);
    }

    #[test]
    fn swupdate_with_a_raw_line_feed() {
        let body = "{\"id\":31,\"time\":\"20261122T184337\",\"status\":{\"result\":{\"progress\":{\"cnt\":1,\"of\":1},\"finished\":\"failure\"},\"execution\":\"closed\",\"details\":[\"No suitable .swu image found\n\",\"\tERROR \\\"x\\\"\"]}}";
        let status = parse(body).status;
        assert_eq!((status.execution, status.result.finished), (Execution::Closed, Finished::Failure));
        assert_eq!(status.details, ["No suitable .swu image found\n", "\tERROR \"x\""]);
    }

    #[rstest]
    #[case::quotes(
        r#"{"status":{"execution":"closed","result":{"finished":"failure"},"details":["can't open "/dev/sda""]}}"#
    )]
    #[case::cut_off(r#"{"status":{"result":{"finished" : "failure"},"execution":"closed","details":["no sp"#)]
    #[case::said_twice(
        r#"{"status":{"execution":"closed","result":{"finished":"failure"},"details":["x" "finished":"failure"]}"#
    )]
    fn an_end_is_read_out_of_what_cannot_be_read(#[case] body: &str) {
        let Reading { value, repairs } = reading(body);
        assert_eq!(value.status.execution, Execution::Closed);
        assert_eq!(value.status.result.finished, Finished::Failure);
        assert_eq!(value.status.details, [body]);
        assert!(repairs.to_string().contains("only how it ends was read"), "{repairs}");
    }

    #[rstest]
    #[case::no_end(r#"{"status":{"execution":"closed","#)]
    #[case::two_ends(r#"{"finished":"success","execution":"closed","details":["x": "finished":"failure"]"#)]
    #[case::no_word(r#"{"execution":"closed","finished":"perhaps"]"#)]
    #[case::no_text(r#"{"execution":closed,"finished":"success"]"#)]
    #[case::nothing("closed success")]
    fn an_end_that_is_not_certain_is_none(#[case] body: &str) {
        assert!(read::<FeedbackIn>(body.as_bytes()).is_err());
    }

    #[test]
    fn of_what_is_too_long_the_beginning_does() {
        let body = format!(
            r#"{{"status":{{"execution":"closed","result":{{"finished":"success"}},"details":["{}"#,
            "x".repeat(99)
        );
        let Reading { value, repairs } = read_beginning::<FeedbackIn>(body.as_bytes()).unwrap();
        assert_eq!(value.status.result.finished, Finished::Success);
        assert!(repairs.to_string().starts_with("the body has more than"), "{repairs}");
    }

    #[test]
    fn rauc_zephyr_and_cancel_acknowledgements() {
        let rauc = r#"{"id":"31","time":"20261122T184337","status":{"result":{"finished":"success"},"execution":"closed","details":["Software bundle installed successfully."]}}"#;
        assert_eq!(parse(rauc).status.result.finished, Finished::Success);
        let zephyr = r#"{"id":"","status":{"execution":"closed","result":{"finished":"success"}}}"#;
        assert!(parse(zephyr).status.details.is_empty());
        let cancel = r#"{"status":{"execution":"rejected","result":{"finished":"success"},"details":["cancellation acknowledged."]}}"#;
        assert_eq!(parse(cancel).status.execution, Execution::Rejected);
    }

    #[test]
    fn id_and_time_may_be_anything() {
        for value in ["null", "31", "-1.5", r#""""#, r#"{"a":[]}"#, "[1]", "true"] {
            let body = format!(
                r#"{{"id":{value},"time":{value},"timestamp":{value},"status":{{"execution":"downloaded","result":{{"finished":"none","progress":{value}}}}}}}"#
            );
            assert_eq!(parse(&body).status.execution, Execution::Downloaded);
        }
    }

    #[test]
    fn details_may_be_anything() {
        assert_eq!(status(r#","details":"one""#).details, ["one"]);
        assert_eq!(
            status(r#","details":["a",null,5,{"b":[true]},["c"]]"#).details,
            ["a", "5", r#"{"b":[true]}"#, r#"["c"]"#]
        );
        assert_eq!(status(r#","details":7"#).details, ["7"]);
        for none in ["", r#","details":null"#, r#","details":[]"#, r#","details":[null]"#] {
            assert!(status(none).details.is_empty(), "{none}");
        }
    }

    #[test]
    fn a_code_that_is_no_integer_is_none() {
        for (code, expected) in
            [("-3", Some(-3)), (r#"" 12 ""#, Some(12)), ("1.5", None), ("null", None), ("[]", None)]
        {
            assert_eq!(status(&format!(r#","code":{code}"#)).code, expected, "{code}");
        }
    }

    #[test]
    fn every_word_is_known() {
        for word in ["closed", "proceeding", "canceled", "scheduled", "rejected", "resumed", "download", "downloaded"]
        {
            for finished in ["success", "failure", "none"] {
                parse(&format!(r#"{{"status":{{"execution":"{word}","result":{{"finished":"{finished}"}}}}}}"#));
            }
        }
    }

    #[test]
    fn it_may_come_as_cbor() {
        let body = b"\xa2\x62id\x18\x1f\x66status\xa3\x69execution\x66closed\x66result\xa1\x68finished\x67success\x67details\x81\x62ok";
        let read = read::<FeedbackIn>(body).unwrap();
        assert_eq!((read.value.status.execution, read.value.status.details), (Execution::Closed, vec!["ok".into()]));
        assert!(read.repairs.is_empty());
    }

    #[test]
    fn of_members_of_the_same_name_the_last_one_counts() {
        let body =
            r#"{"status":{"execution":"closed","execution":"download","result":{"finished":"none"}},"x":1,"x":2}"#;
        assert_eq!(parse(body).status.execution, Execution::Download);
    }

    #[rstest]
    #[case(
        r#"{"execution":"installing","result":{"finished":"success"}}"#,
        Execution::Other,
        r#""installing" is no word"#
    )]
    #[case(r#"{"execution":7,"result":{"finished":"success"}}"#, Execution::Other, "execution 7 is no word")]
    #[case(r#"{"execution":"proceeding"}"#, Execution::Proceeding, "status.result is missing")]
    #[case(
        r#"{"execution":"download","result":{"progress":1}}"#,
        Execution::Download,
        "status.result.finished is missing"
    )]
    #[case(
        r#"{"execution":"rejected","result":{"finished":"maybe"}}"#,
        Execution::Rejected,
        r#"finished "maybe" is none"#
    )]
    fn what_is_no_end_need_not_be_understood(#[case] status: &str, #[case] execution: Execution, #[case] told: &str) {
        let Reading { value, repairs } = reading(&format!(r#"{{"status":{status}}}"#));
        assert_eq!(value.status.execution, execution);
        assert!(repairs.to_string().contains(told), "{repairs}");
    }

    #[rstest]
    #[case("", "no JSON")]
    #[case("{}", "status is missing")]
    #[case("null", "must be a JSON object")]
    #[case(r#"{"status":null}"#, "status is missing")]
    #[case(r#"{"status":[]}"#, "status must be an object")]
    #[case(r#"{"status":{"result":{"finished":"none"}}}"#, "status.execution is missing")]
    #[case(r#"{"status":{"execution":"closed"}}"#, "status.result is missing")]
    #[case(r#"{"status":{"execution":"Closed","result":{}}}"#, "status.result.finished is missing")]
    #[case(r#"{"status":{"execution":"closed","result":{"finished":"maybe"}}}"#, r#"finished "maybe" is none of"#)]
    #[case(r#"{"status":{"execution":"closed","result":{"finished":true}}}"#, "finished true is none of")]
    fn an_end_that_is_not_understood_is_an_error(#[case] body: &str, #[case] why: &str) {
        let error = read::<FeedbackIn>(body.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }

    #[test]
    fn depth_is_bounded() {
        let body = |levels: usize| {
            let progress = format!("{}{}", "[".repeat(levels), "]".repeat(levels));
            format!(
                r#"{{"status":{{"execution":"proceeding","result":{{"finished":"none","progress":{progress}}}}}}}"#
            )
        };
        assert!(reading(&body(29)).repairs.is_empty());
        assert!(reading(&body(30)).repairs.to_string().contains("deeper than 32"));
        assert_eq!(parse(&body(100_000)).status.result.progress, None);
    }
}

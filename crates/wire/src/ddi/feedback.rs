use serde::{Deserialize, Deserializer};
use serde_json::Value;
use utoipa::ToSchema;

use super::repair;

/// What a device says about an update, or about stopping one.
///
/// Which update it means, and when, the request itself tells: `id`, `time` and `timestamp` are not read, so that
/// nothing a device writes there can spoil the rest.
#[derive(Clone, Debug, PartialEq, Deserialize, ToSchema)]
pub struct FeedbackIn {
    /// How it goes.
    pub status: StatusIn,
}

/// How an update goes.
#[derive(Clone, Debug, PartialEq, Deserialize, ToSchema)]
pub struct StatusIn {
    /// What the device is doing.
    pub execution: Execution,
    /// What came of it.
    pub result: ResultIn,
    /// A number of the device's own choice; anything but an integer counts as absent.
    #[serde(default, deserialize_with = "code")]
    #[schema(value_type = Option<i64>)]
    pub code: Option<i64>,
    /// The device's own words, oldest first. A single text counts as one line, and what is no text as its JSON.
    #[serde(default, deserialize_with = "details")]
    #[schema(value_type = Option<Vec<String>>)]
    pub details: Vec<String>,
}

/// What a device is doing about an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
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
}

/// What came of an update.
#[derive(Clone, Debug, PartialEq, Deserialize, ToSchema)]
pub struct ResultIn {
    /// How it ended, if it did.
    pub finished: Finished,
    /// How far it is: usually `{"cnt": …, "of": …}`, but any JSON will do.
    #[serde(default)]
    pub progress: Option<Value>,
}

/// How an update ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Finished {
    /// Well.
    Success,
    /// Badly.
    Failure,
    /// It has not ended, or the device does not say.
    None,
}

impl FeedbackIn {
    /// Reads a body, and if it is no JSON, once more after [`repair`](super::repair()).
    ///
    /// # Errors
    /// What is wrong with the body: no JSON even so, a required member missing, or an unknown word.
    pub fn parse(body: &[u8]) -> Result<Self, serde_json::Error> {
        repair::parse(body)
    }
}

pub(super) fn code<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    })
}

pub(super) fn details<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Array(items) => items.into_iter().filter_map(line).collect(),
        other => line(other).into_iter().collect(),
    })
}

fn line(value: Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(body: &str) -> FeedbackIn {
        FeedbackIn::parse(body.as_bytes()).unwrap_or_else(|error| panic!("{error}: {body}"))
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
    fn missing_members_and_unknown_words_are_errors() {
        for body in [
            "",
            "{}",
            "null",
            r#"{"status":null}"#,
            r#"{"status":{"result":{"finished":"none"}}}"#,
            r#"{"status":{"execution":"closed"}}"#,
            r#"{"status":{"execution":"closed","result":{}}}"#,
            r#"{"status":{"execution":"finished","result":{"finished":"none"}}}"#,
            r#"{"status":{"execution":"closed","result":{"finished":"maybe"}}}"#,
        ] {
            assert!(FeedbackIn::parse(body.as_bytes()).is_err(), "{body}");
        }
        let error =
            FeedbackIn::parse(br#"{"status":{"execution":"done","result":{"finished":"none"}}}"#).unwrap_err();
        assert!(error.to_string().contains("unknown variant `done`"), "{error}");
    }
}

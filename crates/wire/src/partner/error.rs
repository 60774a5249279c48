use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The body of every answer that is not a success. Its keys are in snake_case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ErrorBody {
    /// When the error happened, in milliseconds since the Unix epoch.
    pub timestamp: i64,
    /// The HTTP status of the answer, 400–599.
    #[schema(minimum = 400, maximum = 599)]
    pub status: u16,
    /// A stable code in snake_case that programs can act on, such as `not_found`.
    pub error: String,
    /// What went wrong and what to do about it, for people.
    pub error_description: String,
    /// The service that answered.
    pub service_name: String,
    /// One line that holds the description and the request's id, to quote when asking for help.
    pub trace: String,
    /// The fields that are not as allowed; only with status 400.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub fields: Option<Vec<FieldErrorOut>>,
}

/// What is wrong with one field of a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FieldErrorOut {
    /// The field's name in the request, such as `tags[2]`.
    pub name: String,
    /// What is allowed there.
    pub message: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_show_only_when_there_are_any() {
        let mut body = ErrorBody {
            timestamp: 1_790_000_000_000,
            status: 404,
            error: "not_found".into(),
            error_description: "There is no such image.".into(),
            service_name: "otaria".into(),
            trace: "There is no such image. (request 0199)".into(),
            fields: None,
        };
        insta::assert_snapshot!(serde_json::to_string(&body).unwrap(), @r#"{"timestamp":1790000000000,"status":404,"error":"not_found","error_description":"There is no such image.","service_name":"otaria","trace":"There is no such image. (request 0199)"}"#);
        body.fields = Some(vec![FieldErrorOut { name: "tags[2]".into(), message: "is empty".into() }]);
        let text = serde_json::to_string(&body).unwrap();
        assert!(text.ends_with(r#""fields":[{"name":"tags[2]","message":"is empty"}]}"#), "{text}");
        assert_eq!(serde_json::from_str::<ErrorBody>(&text).unwrap(), body);
    }
}

//! The partner API as the demo calls it: what a pipeline does with `curl`.

use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};

use crate::failure::Failure;

/// Signed in at the partner API.
pub struct PartnerApi {
    http: reqwest::Client,
    url: String,
    token: String,
}

impl PartnerApi {
    /// Signs in by client credentials.
    pub async fn sign_in(url: &str, client_id: &str, client_secret: &str) -> Result<Self, Failure> {
        let http = reqwest::Client::new();
        let form = [("grant_type", "client_credentials")];
        let request = http.post(format!("{url}/oauth/token")).basic_auth(client_id, Some(client_secret)).form(&form);
        let answer: Value = expect_success(request.send().await?).await?.json().await?;
        let token = text(&answer, "access_token")?;
        Ok(Self { http, url: url.to_owned(), token })
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url)).bearer_auth(&self.token)
    }

    /// Reads a path.
    pub async fn get(&self, path: &str) -> Result<Value, Failure> {
        Ok(expect_success(self.request(Method::GET, path).send().await?).await?.json().await?)
    }

    /// Posts JSON to a path.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        Ok(expect_success(self.request(Method::POST, path).json(body).send().await?).await?.json().await?)
    }

    /// Uploads a file; its SHA-256.
    pub async fn upload(&self, path: &str, name: &str, bytes: Vec<u8>) -> Result<String, Failure> {
        let request = self.request(Method::POST, path).header("content-type", "application/octet-stream");
        let request = request.header("content-disposition", format!("attachment; filename=\"{name}\""));
        let answer: Value = expect_success(request.body(bytes).send().await?).await?.json().await?;
        text(&answer, "value")
    }

    /// Pushes; the path of the push.
    pub async fn push(&self, path: &str, device: &str) -> Result<String, Failure> {
        let answer = self.request(Method::PUT, path).json(&json!({ "value": device })).send().await?;
        let answer = expect_success(answer).await?;
        let location = answer.headers().get("location").and_then(|value| value.to_str().ok());
        location.map(str::to_owned).ok_or_else(|| Failure::new("the push has no Location"))
    }
}

/// A string in an answer.
pub fn text(answer: &Value, name: &str) -> Result<String, Failure> {
    answer[name].as_str().map(str::to_owned).ok_or_else(|| Failure::new(format!("the answer has no {name}")))
}

async fn expect_success(response: Response) -> Result<Response, Failure> {
    if response.status().is_success() {
        return Ok(response);
    }
    let status = response.status();
    let body: Value = response.json().await.unwrap_or_default();
    Err(Failure::new(format!("{status}: {}", body["trace"].as_str().unwrap_or("no reason given"))))
}

//! People at a partner: invited, come, and signed in.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{Answer, Api, Server};

/// Somebody who accepted an invitation and is signed in.
#[derive(Clone)]
pub struct Person {
    pub id: String,
    pub email: String,
    pub api: Api,
}

impl Person {
    /// The same person in another sign-in.
    pub async fn sign_in_again(&self, server: &Server) -> Api {
        server.sign_in(&self.email, &server.first("password")).await
    }
}

/// These privileges, and no others.
pub fn privileges(names: &[&str]) -> Value {
    names.iter().map(|name| ((*name).to_owned(), json!(true))).collect::<serde_json::Map<_, _>>().into()
}

impl Server {
    /// Invites somebody to a partner.
    pub async fn invite(&self, api: &Api, partner: &str, email: &str, names: &[&str]) -> Answer {
        let body = json!({ "email": email, "privileges": privileges(names) });
        api.post(&format!("/v1/partners/{partner}/users"), body).await
    }

    /// Accepts an invitation.
    pub async fn accept(&self, token: &str, password: &str) -> Answer {
        let body = json!({ "token": token, "password": password, "firstName": "Ann", "lastName": "Other" });
        self.anonymous().post("/v1/invitations/accept", body).await
    }

    /// Somebody new at a partner with these privileges. Their password is the first owner's.
    pub async fn person(&self, api: &Api, partner: &str, email: &str, names: &[&str]) -> Person {
        let invited = self.invite(api, partner, email, names).await.is(StatusCode::CREATED).body;
        let accepted = self.accept(invited["token"].as_str().unwrap(), &self.first("password")).await.ok().body;
        let id = accepted["userId"].as_str().unwrap().to_owned();
        Person { id, email: email.to_owned(), api: self.sign_in(email, &self.first("password")).await }
    }

    /// Somebody's tokens, by the default partner's client.
    pub async fn tokens(&self, email: &str, password: &str) -> Answer {
        let form = [("grant_type", "password"), ("username", email), ("password", password)];
        self.anonymous().token(&self.first("clientId"), &self.first("clientSecret"), &form).await
    }

    /// Somebody, signed in by the default partner's client.
    pub async fn sign_in(&self, email: &str, password: &str) -> Api {
        let answer = self.tokens(email, password).await.ok();
        self.anonymous().with_token(answer.body["access_token"].as_str().unwrap())
    }
}

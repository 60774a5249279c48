use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Link;

/// An update: what to fetch, and what to do with it. The installed update is shown in the same shape.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeploymentOut {
    /// The action's id: a string, though it is a positive number below 2³¹.
    pub id: String,
    /// What to do.
    pub deployment: DeploymentPlanOut,
    /// What the device said about it so far; only if it asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub action_history: Option<ActionHistoryOut>,
}

/// What to do with an update.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeploymentPlanOut {
    /// How to go about fetching.
    pub download: Handling,
    /// How to go about installing.
    pub update: Handling,
    /// Whether the maintenance window is open; absent if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub maintenance_window: Option<MaintenanceWindow>,
    /// What the update consists of.
    pub chunks: Vec<ChunkOut>,
}

/// How a device is to go about a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Handling {
    /// Not now.
    Skip,
    /// When it suits the device.
    Attempt,
    /// At once.
    Forced,
}

/// Whether a maintenance window is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum MaintenanceWindow {
    /// It is open.
    Available,
    /// It is closed.
    Unavailable,
}

/// One part of an update.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChunkOut {
    /// What it is for the device, such as `os` or `bApp`.
    pub part: String,
    /// The image's version.
    pub version: String,
    /// The image's name.
    pub name: String,
    /// Its files.
    pub artifacts: Vec<ArtifactOut>,
    /// What else the device may want to know; absent if there is nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metadata: Vec<MetadataOut>,
}

/// One file of an update.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ArtifactOut {
    /// Its name, with the extension that tells the device what to do with it.
    pub filename: String,
    /// What it hashes to.
    pub hashes: HashesOut,
    /// Its size in bytes.
    pub size: u64,
    /// Where it is.
    #[serde(rename = "_links")]
    pub links: ArtifactLinks,
}

/// What a file hashes to, each in lower-case hex. All three are always present.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HashesOut {
    /// SHA-1, 40 digits.
    pub sha1: String,
    /// MD5, 32 digits.
    pub md5: String,
    /// SHA-256, 64 digits.
    pub sha256: String,
}

/// Where a file is, and where its MD5 sum is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ArtifactLinks {
    /// The file, over TLS; absent where the public URL is plain HTTP.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub download: Option<Link>,
    /// The file's MD5 sum, over TLS; absent where the public URL is plain HTTP.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub md5sum: Option<Link>,
    /// The file; the name says nothing about the scheme.
    pub download_http: Link,
    /// The file's MD5 sum; the name says nothing about the scheme.
    pub md5sum_http: Link,
}

/// One thing that the device may want to know about a part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MetadataOut {
    /// What it is.
    pub key: String,
    /// Its value.
    pub value: String,
}

/// What the device said about an update so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ActionHistoryOut {
    /// How far the update is, in upper case, such as `RUNNING`.
    pub status: String,
    /// The device's own words, newest first.
    pub messages: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deployment(tls: Option<Link>) -> DeploymentOut {
        let link = |name: &str| Link { href: format!("https://ota.example/softwaremodules/12/artifacts/{name}") };
        DeploymentOut {
            id: "31".into(),
            deployment: DeploymentPlanOut {
                download: Handling::Forced,
                update: Handling::Attempt,
                maintenance_window: None,
                chunks: vec![ChunkOut {
                    part: "os".into(),
                    version: "2.4.0".into(),
                    name: "rootfs".into(),
                    artifacts: vec![ArtifactOut {
                        filename: "rootfs.swu".into(),
                        hashes: HashesOut { sha1: "1a".into(), md5: "5a".into(), sha256: "2a".into() },
                        size: 4_294_967_296,
                        links: ArtifactLinks {
                            download: tls.clone(),
                            md5sum: tls,
                            download_http: link("rootfs.swu"),
                            md5sum_http: link("rootfs.swu.MD5SUM"),
                        },
                    }],
                    metadata: vec![],
                }],
            },
            action_history: None,
        }
    }

    #[test]
    fn what_is_absent_is_left_out() {
        let out = deployment(None);
        let text = serde_json::to_string(&out).unwrap();
        insta::assert_snapshot!(text, @r#"{"id":"31","deployment":{"download":"forced","update":"attempt","chunks":[{"part":"os","version":"2.4.0","name":"rootfs","artifacts":[{"filename":"rootfs.swu","hashes":{"sha1":"1a","md5":"5a","sha256":"2a"},"size":4294967296,"_links":{"download-http":{"href":"https://ota.example/softwaremodules/12/artifacts/rootfs.swu"},"md5sum-http":{"href":"https://ota.example/softwaremodules/12/artifacts/rootfs.swu.MD5SUM"}}}]}]}}"#);
        assert_eq!(serde_json::from_str::<DeploymentOut>(&text).unwrap(), out);
    }

    #[test]
    fn everything_reads_as_in_the_contract() {
        let mut out = deployment(Some(Link { href: "https://ota.example/f".into() }));
        out.deployment.maintenance_window = Some(MaintenanceWindow::Available);
        out.deployment.chunks[0].metadata = vec![MetadataOut { key: "versionNumber".into(), value: "8".into() }];
        out.action_history =
            Some(ActionHistoryOut { status: "RUNNING".into(), messages: vec!["newest".into(), "older".into()] });
        insta::assert_json_snapshot!(out, @r#"
        {
          "id": "31",
          "deployment": {
            "download": "forced",
            "update": "attempt",
            "maintenanceWindow": "available",
            "chunks": [
              {
                "part": "os",
                "version": "2.4.0",
                "name": "rootfs",
                "artifacts": [
                  {
                    "filename": "rootfs.swu",
                    "hashes": {
                      "sha1": "1a",
                      "md5": "5a",
                      "sha256": "2a"
                    },
                    "size": 4294967296,
                    "_links": {
                      "download": {
                        "href": "https://ota.example/f"
                      },
                      "md5sum": {
                        "href": "https://ota.example/f"
                      },
                      "download-http": {
                        "href": "https://ota.example/softwaremodules/12/artifacts/rootfs.swu"
                      },
                      "md5sum-http": {
                        "href": "https://ota.example/softwaremodules/12/artifacts/rootfs.swu.MD5SUM"
                      }
                    }
                  }
                ],
                "metadata": [
                  {
                    "key": "versionNumber",
                    "value": "8"
                  }
                ]
              }
            ]
          },
          "actionHistory": {
            "status": "RUNNING",
            "messages": [
              "newest",
              "older"
            ]
          }
        }
        "#);
        let text = serde_json::to_string(&out).unwrap();
        assert_eq!(serde_json::from_str::<DeploymentOut>(&text).unwrap(), out);
    }
}

//! Links: absolute, from the configured public URL, with the tenant as it is spelt; those to artifacts signed where a
//! setting asks for that.

use otaria_store::scopes::AuthenticatedDevice;
use otaria_wire::ddi::{ArtifactLinks, Link};
use otaria_wire::http::file_names::percent_encoded;

use crate::actions::updates::{Named, Timing};
use crate::credentials::links::Signer;
use crate::error::Error;
use crate::service::Service;
use crate::settings::Settings;

/// Ends the name of a file in the link to its MD5 sum.
pub(super) const MD5SUM: &str = ".MD5SUM";

/// The links of one device.
pub(super) struct Links(String);

impl Links {
    /// No character of a tenant or a device id needs encoding.
    pub(super) fn of(device: &AuthenticatedDevice, settings: &Settings) -> Self {
        let (url, tenant, id) = (settings.public_url(), &device.tenant, device.scope.device_id());
        Self(format!("{url}/{tenant}/controller/v1/{id}"))
    }

    pub(super) fn deployment(&self, push: Named, timing: Timing) -> Link {
        self.to(&format!("deploymentBase/{}?c={}", push.action, c(push, timing)))
    }

    pub(super) fn confirmation(&self, push: Named) -> Link {
        self.to(&format!("confirmationBase/{}?c={}", push.action, c(push, Timing::Anytime)))
    }

    pub(super) fn activate_auto_confirm(&self) -> Link {
        self.to("confirmationBase/activateAutoConfirm")
    }

    pub(super) fn deactivate_auto_confirm(&self) -> Link {
        self.to("confirmationBase/deactivateAutoConfirm")
    }

    pub(super) fn installed(&self, action: i32) -> Link {
        self.to(&format!("installedBase/{action}"))
    }

    pub(super) fn cancel(&self, action: i32) -> Link {
        self.to(&format!("cancelAction/{action}"))
    }

    pub(super) fn config_data(&self) -> Link {
        self.to("configData")
    }

    fn to(&self, path: &str) -> Link {
        Link { href: format!("{}/{path}", self.0) }
    }
}

/// The links of one device to its artifacts.
pub(super) struct Artifacts {
    links: Links,
    signer: Option<Signer>,
}

impl Artifacts {
    /// Where links are signed, for now.
    pub(super) async fn of(device: &AuthenticatedDevice, service: &Service) -> Result<Self, Error> {
        Ok(Self { links: Links::of(device, &service.settings), signer: service.signer(device).await? })
    }

    /// The names of links that some clients take for "over TLS only" stand where that is true.
    pub(super) fn links(&self, action: i32, file_name: &str) -> ArtifactLinks {
        let (action, sum) = (action.to_string(), format!("{file_name}{MD5SUM}"));
        let (download, md5sum) = (self.to(&action, file_name), self.to(&action, &sum));
        let is_tls = self.links.0.starts_with("https:");
        ArtifactLinks {
            download: is_tls.then(|| download.clone()),
            md5sum: is_tls.then(|| md5sum.clone()),
            download_http: download,
            md5sum_http: md5sum,
        }
    }

    fn to(&self, action: &str, file_name: &str) -> Link {
        let query = self.signer.as_ref().map(|signer| format!("?{}", signer.query(action, file_name)));
        let (name, query) = (percent_encoded(file_name), query.unwrap_or_default());
        self.links.to(&format!("softwaremodules/{action}/artifacts/{name}{query}"))
    }
}

/// The query makes the link another one for another push, and once it may be installed; some clients look for the question
/// mark.
fn c(push: Named, timing: Timing) -> i64 {
    let c = push.created.as_millis().rem_euclid(i64::from(i32::MAX));
    if timing == Timing::BeforeWindow { -c } else { c }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_over_tls_have_both_names() {
        let at = |scheme: &str| Artifacts {
            links: Links(format!("{scheme}://ota.example/DEFAULT/controller/v1/dev-7")),
            signer: None,
        };
        let plain = at("http").links(31, "root fs.swu");
        assert_eq!(plain.download, None);
        let start = "http://ota.example/DEFAULT/controller/v1/dev-7/softwaremodules/31/artifacts/root%20fs.swu";
        assert_eq!(plain.download_http.href, start);
        assert_eq!(plain.md5sum_http.href, format!("{start}.MD5SUM"));
        let tls = at("https").links(31, "a");
        assert_eq!(tls.download.as_ref(), Some(&tls.download_http));
        assert_eq!(tls.md5sum.as_ref(), Some(&tls.md5sum_http));
    }
}

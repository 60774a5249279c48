//! Devices that prove who they are, and whoever speaks for them.
//!
//! Each way in is one query, which finds nothing where the partner has turned that way off. Links are no such way: a
//! setting says whether there are any.

use otaria_core::{DeviceId, DeviceTypeId, PartnerId, Sha256, Timestamp};
use subtle::ConstantTimeEq as _;

use super::{DeviceScope, ManagePartner, ViewAccount, ViewPartner, WriteAccount};
use crate::audit::Who;
use crate::sql::fetch_optional;
use crate::text::comparable;
use crate::{Conn, Error, Registers, SecretHash};

/// A device that showed its credential, and the little that an idle poll needs to know of it.
#[derive(Clone, Debug)]
pub struct AuthenticatedDevice {
    /// Its scope.
    pub scope: DeviceScope,
    /// How the partner is spelt in links.
    pub tenant: String,
    /// Whether something happened after which the device is to say what it is.
    pub config_wanted: bool,
    /// When it last said what it is.
    pub config_said: Option<Timestamp>,
    /// How many of its pushes have not ended.
    pub open_pushes: i64,
    /// The push that brought what it runs, by the device's own number: the latest, if there are several.
    pub installed_by: Option<i32>,
    token: Option<SecretHash>,
}

/// To whom a link is given. It is good for as long as all of this is the same.
#[derive(Clone, Debug)]
pub struct LinkHolder {
    /// The device's partner.
    pub partner_id: PartnerId,
    /// The device.
    pub device_id: DeviceId,
    /// The device's own token, if it has one.
    pub token: Option<SecretHash>,
}

/// A device of which somebody says that they have a link that it was given. Whether that is true is not known yet.
#[derive(Clone, Debug)]
pub struct LinkedDevice(AuthenticatedDevice);

/// Whoever speaks for a device that nobody knows.
#[derive(Clone, Debug)]
pub struct Registrar {
    /// Who.
    pub who: Who,
    partner_id: PartnerId,
    registers: Option<Registers>,
}

/// May put one partner's devices of one type into one account.
#[derive(Clone, Copy, Debug)]
pub struct RegisterDevices {
    /// The partner.
    pub partner: ManagePartner,
    /// The account.
    pub account: WriteAccount,
    /// The type.
    pub device_type_id: DeviceTypeId,
}

/// For whom a credential of more than one device speaks.
#[derive(Clone, Debug)]
pub enum SpokenFor {
    /// A device of its partner.
    Device(AuthenticatedDevice),
    /// A device that nobody knows.
    Unknown(Registrar),
}

/// A device of which somebody says that they have its certificate. Whether that is true is not known yet.
#[derive(Clone, Debug)]
pub struct CertifiedDevice {
    spoken_for: SpokenFor,
    partner: ViewPartner,
    trust: Sha256,
}

impl Registrar {
    /// The scope to register devices, if they may.
    pub fn register_devices(&self) -> Option<RegisterDevices> {
        self.registers.map(|registers| RegisterDevices {
            partner: ManagePartner(ViewPartner(self.partner_id)),
            account: WriteAccount(ViewAccount(registers.account_id)),
            device_type_id: registers.device_type_id,
        })
    }
}

#[derive(sqlx::FromRow)]
struct DeviceRow {
    partner_id: String,
    short_name: Option<String>,
    is_default: bool,
    token_hash: Option<Vec<u8>>,
    config_wanted: bool,
    config_said_ms: Option<i64>,
    open_pushes: i64,
    installed_by: Option<i64>,
}

/// What is asked of a partner `p` and a device `d`, which may be unknown.
macro_rules! device {
    ($($rest:expr),+ $(,)?) => {
        concat!(
            "SELECT p.partner_id, p.short_name, p.is_default, d.token_hash,
                    COALESCE(d.config_wanted, FALSE) AS config_wanted, d.config_said_ms,
                    (SELECT COUNT(*) FROM pushes u WHERE u.partner_id = d.partner_id
                     AND u.device_id = d.device_id AND u.finished_ms IS NULL) AS open_pushes,
                    (SELECT MAX(u.action) FROM device_versions v
                     JOIN pushes u ON u.partner_id = v.partner_id AND u.device_id = v.device_id
                      AND u.type = v.type AND u.version_number = v.version_number AND u.state = 'succeeded'
                     WHERE v.partner_id = d.partner_id AND v.device_id = d.device_id) AS installed_by",
            $($rest),+
        )
    };
}

/// Whether the partner `p` is the tenant `$1`, as [`lookup`] spells it.
macro_rules! is_tenant {
    () => {
        "(p.partner_id = $1 OR p.short_name = $1 OR (p.is_default AND $1 = 'default'))"
    };
}

/// How a tenant of a path is looked up: a partner's id, its short name, or `default`; without regard to case.
fn lookup(tenant: &str) -> String {
    comparable(tenant).to_ascii_lowercase()
}

impl DeviceRow {
    fn into_device(self, device_id: &DeviceId) -> Result<AuthenticatedDevice, Error> {
        let partner_id: PartnerId = self.partner_id.parse()?;
        let tenant = match self.short_name {
            _ if self.is_default => "DEFAULT".to_owned(),
            Some(short_name) => short_name,
            None => partner_id.to_string(),
        };
        let token = self.token_hash.map(Sha256::try_from).transpose()?;
        Ok(AuthenticatedDevice {
            token: token.map(SecretHash::from_stored),
            scope: DeviceScope { partner_id, device_id: device_id.clone() },
            tenant,
            config_wanted: self.config_wanted,
            config_said: self.config_said_ms.map(Timestamp::from_millis),
            open_pushes: self.open_pushes,
            installed_by: self.installed_by.and_then(|action| i32::try_from(action).ok()),
        })
    }
}

/// A device that may be unknown, and where such devices are put.
#[derive(sqlx::FromRow)]
struct SpokenForRow {
    #[sqlx(flatten)]
    device: DeviceRow,
    registers_device_type_id: Option<String>,
    registers_account_id: Option<String>,
    is_known: bool,
    is_associated: bool,
}

impl SpokenForRow {
    fn into_spoken_for(self, device_id: &DeviceId, who: Who) -> Result<Option<SpokenFor>, Error> {
        // What was taken out of its account is nobody's, and is not registered again.
        if self.is_known && !self.is_associated {
            return Ok(None);
        }
        Ok(Some(if self.is_known {
            SpokenFor::Device(self.device.into_device(device_id)?)
        } else {
            SpokenFor::Unknown(Registrar {
                who,
                partner_id: self.device.partner_id.parse()?,
                registers: Registers::from_row(self.registers_device_type_id, self.registers_account_id)?,
            })
        }))
    }
}

#[derive(sqlx::FromRow)]
struct GatewayRow {
    #[sqlx(flatten)]
    spoken_for: SpokenForRow,
    gateway_token_id: String,
}

#[derive(sqlx::FromRow)]
struct CertifiedRow {
    #[sqlx(flatten)]
    spoken_for: SpokenForRow,
    trust_digest: Vec<u8>,
}

impl AuthenticatedDevice {
    /// To whom it is that links are given.
    pub fn link_holder(&self) -> LinkHolder {
        LinkHolder { partner_id: self.scope.partner_id, device_id: self.scope.device_id.clone(), token: self.token }
    }

    /// The device of `tenant` with this id, if `token` is its credential. `tenant` is a partner's id, its short
    /// name, or `default`; without regard to case.
    pub async fn by_token(
        conn: &mut Conn,
        tenant: &str,
        device_id: &DeviceId,
        token: &SecretHash,
    ) -> Result<Option<Self>, Error> {
        let row: Option<DeviceRow> = fetch_optional!(
            conn,
            device!(
                "
             FROM partners p
             JOIN devices d ON d.partner_id = p.partner_id
             LEFT JOIN device_authentication a ON a.partner_id = p.partner_id
             WHERE ",
                is_tenant!(),
                " AND d.device_id = $2 AND d.account_id IS NOT NULL AND COALESCE(a.target_tokens, TRUE)"
            ),
            lookup(tenant),
            device_id.as_str(),
        )?;
        let Some(row) = row else { return Ok(None) };
        let known = row.token_hash.as_deref().unwrap_or_default();
        if !bool::from(known.ct_eq(token.as_slice())) {
            return Ok(None);
        }
        row.into_device(device_id).map(Some)
    }

    /// Whom of `tenant`'s devices a gateway speaks for, if `token` is one of the partner's gateway tokens.
    pub async fn by_gateway_token(
        conn: &mut Conn,
        tenant: &str,
        device_id: &DeviceId,
        token: &SecretHash,
        now: Timestamp,
    ) -> Result<Option<SpokenFor>, Error> {
        let row: Option<GatewayRow> = fetch_optional!(
            conn,
            device!(
                ",
                    g.gateway_token_id, g.registers_device_type_id, g.registers_account_id,
                    d.device_id IS NOT NULL AS is_known, d.account_id IS NOT NULL AS is_associated
             FROM partners p
             JOIN gateway_tokens g ON g.partner_id = p.partner_id
             LEFT JOIN device_authentication a ON a.partner_id = p.partner_id
             LEFT JOIN devices d ON d.partner_id = p.partner_id AND d.device_id = $2
             WHERE ",
                is_tenant!(),
                " AND g.token_hash = $3 AND (g.expires_ms IS NULL OR g.expires_ms > $4)
               AND COALESCE(a.gateway_tokens, TRUE)"
            ),
            lookup(tenant),
            device_id.as_str(),
            token.as_slice(),
            now.as_millis(),
        )?;
        let Some(row) = row else { return Ok(None) };
        row.spoken_for.into_spoken_for(device_id, Who::Gateway(row.gateway_token_id.parse()?))
    }
}

impl LinkedDevice {
    /// The device of `tenant` with this id.
    pub async fn find(conn: &mut Conn, tenant: &str, device_id: &DeviceId) -> Result<Option<Self>, Error> {
        let row: Option<DeviceRow> = fetch_optional!(
            conn,
            device!(
                "
             FROM partners p
             JOIN devices d ON d.partner_id = p.partner_id
             WHERE ",
                is_tenant!(),
                " AND d.device_id = $2 AND d.account_id IS NOT NULL"
            ),
            lookup(tenant),
            device_id.as_str(),
        )?;
        row.map(|row| row.into_device(device_id).map(Self)).transpose()
    }

    /// To whom the link would have been given.
    pub fn link_holder(&self) -> LinkHolder {
        self.0.link_holder()
    }

    /// The device, once the link was found to be its own.
    pub fn proven(self) -> AuthenticatedDevice {
        self.0
    }
}

impl CertifiedDevice {
    /// The device of `tenant` with this id, known or not, if the partner lets certificates in.
    pub async fn find(conn: &mut Conn, tenant: &str, device_id: &DeviceId) -> Result<Option<Self>, Error> {
        let row: Option<CertifiedRow> = fetch_optional!(
            conn,
            device!(
                ",
                    a.trust_digest, a.registers_device_type_id, a.registers_account_id,
                    d.device_id IS NOT NULL AS is_known, d.account_id IS NOT NULL AS is_associated
             FROM partners p
             JOIN device_authentication a ON a.partner_id = p.partner_id AND a.certificates
             LEFT JOIN devices d ON d.partner_id = p.partner_id AND d.device_id = $2
             WHERE ",
                is_tenant!(),
            ),
            lookup(tenant),
            device_id.as_str(),
        )?;
        let Some(row) = row else { return Ok(None) };
        let partner = ViewPartner(row.spoken_for.device.partner_id.parse()?);
        let trust = row.trust_digest.try_into()?;
        let spoken_for = row.spoken_for.into_spoken_for(device_id, Who::Device(device_id.clone()))?;
        Ok(spoken_for.map(|spoken_for| Self { spoken_for, partner, trust }))
    }

    /// The partner whose device it would be.
    pub const fn partner(&self) -> &ViewPartner {
        &self.partner
    }

    /// The digest of whom the partner trusts to certify its devices.
    pub const fn trust(&self) -> Sha256 {
        self.trust
    }

    /// The device, once its certificate was found to be good by what has this digest.
    pub fn proven(self) -> SpokenFor {
        self.spoken_for
    }
}

//! A certification authority of this data folder, for clients that insist on https. Nobody trusts it who is not told to.

use std::{
    net::IpAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::{commands::Outcome, data_folder::write_private};

/// The authority's certificate, and a server's set-up under it.
pub struct LocalTls {
    /// Where the certificate stands that clients are told to trust.
    pub certificate: PathBuf,
    /// The set-up of the server.
    pub server: Arc<rustls::ServerConfig>,
}

/// Opens the authority in `folder`, making it at the first start, and issues a certificate for `names`.
pub fn open(folder: &Path, names: &[String]) -> Outcome<LocalTls> {
    std::fs::create_dir_all(folder)?;
    let certificate = folder.join("ca.pem");
    let key_file = folder.join("ca.key");
    let key = if key_file.is_file() && certificate.is_file() {
        KeyPair::from_pem(&std::fs::read_to_string(&key_file)?)?
    } else {
        let key = KeyPair::generate()?;
        std::fs::write(&certificate, authority().self_signed(&key)?.pem())?;
        write_private(&key_file, &key.serialize_pem())?;
        key
    };
    let issuer = Issuer::new(authority(), key);
    let mut params = CertificateParams::default();
    params.distinguished_name = name("Safelight on this machine");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    for name in names {
        params.subject_alt_names.push(match name.parse::<IpAddr>() {
            Ok(address) => SanType::IpAddress(address),
            Err(_) => SanType::DnsName(name.as_str().try_into()?),
        });
    }
    // The server's own key is made anew at every start; only the authority is kept.
    let server_key = KeyPair::generate()?;
    let server_certificate = params.signed_by(&server_key, &issuer)?;
    let server_key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(server_key.serialize_der()));
    let mut server = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![server_certificate.der().clone()], server_key)?;
    server.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(LocalTls { certificate, server: Arc::new(server) })
}

/// What the authority says of itself; the same at every start, so that it can be taken up from its key alone.
fn authority() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = name("Safelight local authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn name(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    name
}

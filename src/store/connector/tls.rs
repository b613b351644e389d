//! The configuration of TLS: which certificates of the server are accepted.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use crate::config::{RootCertificates, SslMode, TlsOptions};

/// The protocol name of PostgreSQL (PostgreSQL, section "SSL Session Encryption").
const ALPN: &[u8] = b"postgresql";

/// Makes the configuration of all connections. Reads the certificates only if they are verified, as libpq does: with
/// a file of root certificates, they are also verified in the modes below `verify-ca`.
pub(super) fn client_config(options: &TlsOptions) -> anyhow::Result<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?;
    let roots = match &options.root {
        _ if options.mode == SslMode::Disable => None,
        RootCertificates::File(path) => Some(roots_in(path)?),
        RootCertificates::System if options.mode >= SslMode::VerifyCa => Some(system_roots()?),
        RootCertificates::System => None,
    };
    let builder = match roots {
        Some(roots) if options.mode == SslMode::VerifyFull => builder.with_root_certificates(roots),
        roots => {
            let verifier = AuthorityVerifier { roots, provider };
            builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier))
        }
    };
    let mut config = match &options.client {
        Some((certificate, key)) if options.mode != SslMode::Disable => {
            let cannot_read = || format!("cannot read sslkey {}", key.display());
            let key = PrivateKeyDer::from_pem_file(key).with_context(cannot_read)?;
            builder.with_client_auth_cert(certificates(certificate, "sslcert")?, key)?
        }
        _ => builder.with_no_client_auth(),
    };
    if options.direct {
        config.alpn_protocols.push(ALPN.to_owned());
    }
    Ok(config)
}

fn certificates(path: &Path, parameter: &str) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let cannot_read = || format!("cannot read {parameter} {}", path.display());
    let certificates = CertificateDer::pem_file_iter(path).with_context(cannot_read)?;
    let certificates: Vec<_> = certificates.collect::<Result<_, _>>().with_context(cannot_read)?;
    if certificates.is_empty() {
        bail!("{parameter} {} has no certificate", path.display());
    }
    Ok(certificates)
}

fn roots_in(path: &Path) -> anyhow::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path, "sslrootcert")? {
        roots.add(certificate).with_context(|| format!("sslrootcert {}", path.display()))?;
    }
    Ok(roots)
}

fn system_roots() -> anyhow::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        bail!("the system has no root certificates; set sslrootcert");
    }
    Ok(roots)
}

/// Accepts certificates for any host name.
#[derive(Debug)]
struct AuthorityVerifier {
    /// Trusted authorities; `None` accepts all certificates.
    roots: Option<RootCertStore>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for AuthorityVerifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if let Some(roots) = &self.roots {
            let algorithms = self.provider.signature_verification_algorithms.all;
            let certificate = ParsedCertificate::try_from(certificate)?;
            verify_server_cert_signed_by_trust_anchor(
                &certificate,
                roots,
                intermediates,
                now,
                algorithms,
            )?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

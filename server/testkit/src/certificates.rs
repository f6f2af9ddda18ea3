//! Certificates of the tests' own.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair,
};

/// An authority that issues certificates.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate with its private key, as PEM.
#[derive(Clone)]
pub struct Certified {
    /// The certificate.
    pub certificate: String,
    /// The private key.
    pub key: String,
}

impl Authority {
    /// A new one of that name.
    ///
    /// # Panics
    ///
    /// When no key can be made.
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key can be made");
        Self(CertifiedIssuer::self_signed(params, key).expect("it signs itself"))
    }

    /// Its own certificate, as PEM.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for a server of that name or address.
    ///
    /// # Panics
    ///
    /// As [`Self::new`].
    pub fn issue_to_server(&self, name: &str) -> Certified {
        self.issue(name, ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// A certificate for a client.
    ///
    /// # Panics
    ///
    /// As [`Self::new`].
    pub fn issue_to_client(&self) -> Certified {
        self.issue("client", ExtendedKeyUsagePurpose::ClientAuth)
    }

    fn issue(&self, name: &str, usage: ExtendedKeyUsagePurpose) -> Certified {
        let key = KeyPair::generate().expect("a key can be made");
        let mut params = CertificateParams::new([name.to_owned()]).expect("a name");
        params.extended_key_usages = vec![usage];
        let certificate = params.signed_by(&key, &self.0).expect("it is signed");
        Certified {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        }
    }
}

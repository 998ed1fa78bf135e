//! Where traces go and which requests are in them, in OpenTelemetry's own words.

use http::{HeaderName, HeaderValue, Uri};
use percent_encoding::percent_decode_str;

use super::{Reader, Secret};
use crate::spans::{Root, Sampler};

/// What a collector's address is followed by (OTLP over HTTP).
const TRACES_PATH: &str = "/v1/traces";
const EXAMPLE: &str = "http://localhost:4318";
/// As a collector shows it, where nothing else was asked for.
const SERVICE: &str = "traffic";
const SAMPLERS: &str = "always_on, always_off, traceidratio, parentbased_always_on, parentbased_always_off or \
    parentbased_traceidratio";

/// Tracing is on.
#[derive(Clone, Debug)]
pub struct TracingSettings {
    /// With the path.
    pub url: Uri,
    pub headers: Vec<(HeaderName, Secret)>,
    pub service: String,
    /// Names and values.
    pub resource: Vec<(String, String)>,
    pub sampler: Sampler,
}

impl TracingSettings {
    /// A name of its own wins over one among the attributes.
    fn new(url: Uri, service: Option<&str>, mut resource: Vec<(String, String)>) -> Self {
        let among = resource.iter().position(|(name, _)| name == "service.name").map(|at| resource.remove(at).1);
        let service = service.map(str::to_owned).or(among).unwrap_or_else(|| SERVICE.to_owned());
        Self { url, headers: Vec::new(), service, resource, sampler: Sampler::default() }
    }
}

impl Reader {
    pub(super) fn tracing(&mut self) -> Option<TracingSettings> {
        let headers = self.parsed("otlp_headers", headers).unwrap_or_default();
        let resource = self.parsed("otel_resource_attributes", pairs).unwrap_or_default();
        let share = self.parsed("otel_traces_sampler_arg", share);
        let sampler = self.parsed("otel_traces_sampler", |name| sampler(name, share)).unwrap_or_default();
        let url = self.parsed("otlp_endpoint", endpoint)?;
        Some(TracingSettings {
            headers,
            sampler,
            ..TracingSettings::new(url, self.text("otel_service_name"), resource)
        })
    }
}

/// The text is repeated only where no password can be in it.
fn endpoint(text: &str) -> Result<Uri, String> {
    if text.contains('@') {
        return Err(format!(
            "names somebody before an @: what the collector wants to see belongs into otlp_headers ({EXAMPLE})"
        ));
    }
    let wrong = || format!("is `{text}`, not an address such as {EXAMPLE}");
    let base: Uri = text.parse().map_err(|_| wrong())?;
    let known = matches!(base.scheme_str(), Some("http" | "https"));
    if !known || base.host().is_none_or(str::is_empty) || base.query().is_some() {
        return Err(wrong());
    }
    format!("{}{TRACES_PATH}", text.trim_end_matches('/')).parse().map_err(|_| wrong())
}

/// `NAME=VALUE,NAME=VALUE`, values percent-encoded. A value may be a secret: none is repeated.
fn pairs(text: &str) -> Result<Vec<(String, String)>, String> {
    let pair = |(at, part): (usize, &str)| {
        let wrong = || format!("has no NAME=VALUE in place {}: write NAME=VALUE,NAME=VALUE", at + 1);
        let (name, value) = part.split_once('=').ok_or_else(wrong)?;
        let value = percent_decode_str(value.trim()).decode_utf8().map_err(|_| wrong())?;
        if name.trim().is_empty() { Err(wrong()) } else { Ok((name.trim().to_owned(), value.into_owned())) }
    };
    text.split(',').enumerate().filter(|(_, part)| !part.trim().is_empty()).map(pair).collect()
}

fn headers(text: &str) -> Result<Vec<(HeaderName, Secret)>, String> {
    let header = |(name, value): (String, String)| {
        let known = HeaderName::try_from(&name).map_err(|_| format!("has `{name}`, which is no name of a header"))?;
        HeaderValue::try_from(&value).map_err(|_| format!("has a value that no header can have, of `{name}`"))?;
        Ok((known, Secret::new(value)))
    };
    pairs(text)?.into_iter().map(header).collect()
}

/// Who is sampled; the share comes apart.
fn sampler(name: &str, share: Option<f64>) -> Result<Sampler, String> {
    let (root, parent_based) = match name.strip_prefix("parentbased_") {
        Some(root) => (root, true),
        None => (name, false),
    };
    let root = match root {
        "always_on" => Root::Always,
        "always_off" => Root::Never,
        "traceidratio" => Root::share(share.unwrap_or(1.0)),
        _ => return Err(format!("is `{name}`, not {SAMPLERS}")),
    };
    Ok(Sampler { root, parent_based })
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| format!("is `{text}`, not a share from 0 to 1 such as 0.01"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_follows_the_collectors_address() {
        for (text, expected) in [
            ("http://localhost:4318", "http://localhost:4318/v1/traces"),
            ("https://otel.example/in/", "https://otel.example/in/v1/traces"),
        ] {
            assert_eq!(endpoint(text).unwrap().to_string(), expected);
        }
        for wrong in ["localhost:4318", "grpc://localhost:4317", "http://", "4318", "http://x/?key=1"] {
            assert!(endpoint(wrong).unwrap_err().contains("such as http://localhost:4318"), "{wrong}");
        }
        assert!(!endpoint("http://me:hunter2@collector:4318").unwrap_err().contains("hunter2"));
    }

    #[test]
    fn pairs_are_decoded_and_never_repeated() {
        let read = pairs("a=b, key=with%20space=more,").unwrap();
        assert_eq!(read, [("a".to_owned(), "b".to_owned()), ("key".to_owned(), "with space=more".to_owned())]);
        for wrong in ["hunter2", "a=1,hunter2", "=hunter2", "a=hunter2%ff"] {
            let told = headers(wrong).unwrap_err();
            assert!(told.contains("NAME=VALUE") && !told.contains("hunter2"), "{told}");
        }
        let told = headers("a b=hunter2").unwrap_err();
        assert!(told.contains("`a b`") && !told.contains("hunter2"), "{told}");
        assert!(!headers("a=hunter2%0a").unwrap_err().contains("hunter2"));
        assert_eq!(format!("{:?}", headers("authorization=hunter2").unwrap()), "[(\"authorization\", ***)]");
    }

    #[test]
    fn the_standard_samplers_are_known() {
        let parent_based = |root| Sampler { root, parent_based: true };
        assert_eq!(sampler("parentbased_always_on", None), Ok(parent_based(Root::Always)));
        assert_eq!(sampler("parentbased_traceidratio", Some(0.0)), Ok(parent_based(Root::share(0.0))));
        assert_eq!(sampler("always_off", None), Ok(Sampler { root: Root::Never, parent_based: false }));
        assert!(sampler("jaeger_remote", None).unwrap_err().contains("parentbased_traceidratio"));
        for wrong in ["2", "-0.1", "many", "NaN", ""] {
            assert!(share(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_name_of_its_own_wins_over_one_among_the_attributes() {
        let named = |service| {
            let resource = pairs("service.name=inner,zone=a").unwrap();
            let settings = TracingSettings::new(endpoint(EXAMPLE).unwrap(), service, resource);
            assert_eq!(settings.resource, [("zone".to_owned(), "a".to_owned())]);
            settings.service
        };
        assert_eq!((named(Some("outer")).as_str(), named(None).as_str()), ("outer", "inner"));
        assert_eq!(TracingSettings::new(endpoint(EXAMPLE).unwrap(), None, Vec::new()).service, "traffic");
    }
}

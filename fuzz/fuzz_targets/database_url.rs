//! The password in the address of a database is not shown, whatever stands around it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use server::config::DatabaseUrl;

const PASSWORD: &str = "correct-horse-battery";

fuzz_target!(|around: (&str, &str, &str)| {
    let (user, more, host) = around;
    // The word is found by what it is compared with: written elsewhere too, it is no secret there.
    if [user, more, host].iter().any(|text| text.contains(PASSWORD)) {
        return;
    }
    for text in [
        format!("postgres://{user}:{PASSWORD}{more}@{host}"),
        format!("postgres://{user}@{host}?password={PASSWORD}{more}"),
    ] {
        match text.parse::<DatabaseUrl>() {
            Ok(url) => {
                for shown in [url.to_string(), format!("{url:?}")] {
                    assert!(!shown.contains(PASSWORD), "{text:?} is shown as {shown:?}");
                }
                assert_eq!(url.reveal(), text);
            }
            Err(error) => assert!(!error.contains(PASSWORD), "{error}"),
        }
    }
});

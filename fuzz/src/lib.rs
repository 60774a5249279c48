//! What must hold whatever comes in: a function for each target, which panics where it does not. A fuzzer calls them
//! with what it makes up, the tests in `corpus` with what is kept.

#[cfg(test)]
mod corpus;

use std::net::IpAddr;

use otaria_core::unreadable::{EXCERPT, excerpt, is_alike};
use otaria_wire::ddi::{ConfigDataIn, DeviceBody, Execution, FeedbackIn, read, repair};
use otaria_wire::http::accept::{Accept, BEST};
use otaria_wire::http::entity_tags::EntityTags;
use otaria_wire::http::range::{MOST_RANGES, Wanted};
use otaria_wire::http::{file_names, forwarded_for, range};
use serde_json::{Value, json};

/// Feedback: what was read says the same when it is written as the protocol has it, and only an end that is understood
/// is one.
pub fn feedback(input: &[u8]) {
    let Some(FeedbackIn { status }) = body(input) else { return };
    let word = |text: String| json!(text.to_lowercase());
    let written = json!({ "status": {
        "execution": word(format!("{:?}", status.execution)),
        "result": { "finished": word(format!("{:?}", status.result.finished)), "progress": status.result.progress },
        "code": status.code,
        "details": status.details,
    }});
    let written = written.to_string();
    let mut again = read::<FeedbackIn>(written.as_bytes()).expect("what is written is read");
    // Written and read, a fraction may differ in its last bit.
    let progress = std::mem::replace(&mut again.value.status.result.progress, status.result.progress.clone());
    assert_eq!(progress.is_some(), status.result.progress.is_some());
    assert_eq!(again.value.status, status);
    assert_eq!(again.repairs.is_empty(), status.execution != Execution::Other);
}

/// configData: what was read says the same when it is written as the protocol has it.
pub fn config_data(input: &[u8]) {
    let Some(said) = body::<ConfigDataIn>(input) else { return };
    let mode = said.mode.map(|mode| format!("{mode:?}").to_lowercase());
    let written = json!({ "mode": mode, "data": said.data });
    let again = read::<ConfigDataIn>(written.to_string().as_bytes()).expect("what is written is read");
    assert_eq!(again.value, said);
    assert!(again.repairs.is_empty());
}

/// What holds for every body. Returns what it says, if that is understood.
fn body<T: DeviceBody>(input: &[u8]) -> Option<T> {
    let (once, _) = repair(input);
    let (twice, done) = repair(once.as_bytes());
    assert!(once == twice && done.is_empty(), "a repair is done once");
    if let Ok(json) = std::str::from_utf8(input)
        && serde_json::from_str::<Value>(json).is_ok()
    {
        assert_eq!(once, json, "what is JSON stays as it is");
    }
    let shown = excerpt(input);
    assert!(shown.len() <= 4 * EXCERPT && shown.chars().all(|c| !c.is_control() || "\n\r\t".contains(c)));
    assert!(is_alike(&shown, &shown));
    match read(input) {
        Ok(reading) => {
            assert_eq!(reading.repairs.is_empty(), reading.repairs.to_string().is_empty());
            Some(reading.value)
        }
        Err(error) => {
            let why = error.to_string();
            assert!(!why.is_empty() && why.len() < 500, "{why}");
            None
        }
    }
}

/// Range: what is sent lies within the file, and no byte of it is sent twice. The first eight bytes are the file's size.
pub fn range(input: &[u8]) {
    let Some((size, text)) = input.split_first_chunk::<8>() else { return };
    let (size, Ok(text)) = (u64::from_le_bytes(*size), std::str::from_utf8(text)) else { return };
    let Wanted::Parts(parts) = range::wanted(text, size) else { return };
    assert!(!parts.is_empty() && parts.len() <= MOST_RANGES);
    assert!(parts.iter().all(|part| part.start < part.end && part.end <= size));
    let mut sorted = parts.clone();
    sorted.sort_unstable_by_key(|part| part.start);
    assert!(sorted.windows(2).all(|pair| pair[0].end <= pair[1].start), "no byte twice");
    let total: u64 = parts.iter().map(|part| part.end - part.start).sum();
    assert!(total <= size);
    let written: Vec<_> = parts.iter().map(|part| format!("{}-{}", part.start, part.end - 1)).collect();
    let again = range::wanted(&format!("bytes={}", written.join(",")), size);
    let is_apart = sorted.windows(2).all(|pair| pair[0].end < pair[1].start);
    assert!(!is_apart || again == Wanted::Parts(parts), "what is written is read");
}

/// Accept: qualities are bounded, and what is preferred is wanted most.
pub fn accept(input: &[u8]) {
    const OFFERS: [(&str, usize); 3] =
        [("application/hal+json", 0), ("application/json", 1), ("application/cbor", 2)];
    let text = String::from_utf8_lossy(input);
    let accept = Accept::of(text.lines());
    let qualities = OFFERS.map(|(media_type, _)| accept.quality(media_type));
    assert!(qualities.iter().all(|quality| *quality <= BEST));
    match accept.preferred(&OFFERS) {
        Some(preferred) => assert!(qualities[preferred] > 0 && qualities.iter().all(|q| *q <= qualities[preferred])),
        None => assert_eq!(qualities, [0; 3]),
    }
    if accept.says_nothing() {
        assert_eq!(accept.preferred(&OFFERS), Some(0));
    }
}

/// If-Match, If-None-Match: who has exactly this version has it, and every tag that was written is found again.
pub fn entity_tags(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let Some(tags) = EntityTags::of(text.lines()) else { return };
    for opaque in ["abc", "", "*"] {
        assert!(!tags.have_exactly(opaque) || tags.have(opaque));
    }
    let EntityTags::These(listed) = &tags else { return };
    assert!(listed.iter().all(|tag| tags.have(tag.opaque)));
    assert!(listed.iter().all(|tag| tag.is_weak || tags.have_exactly(tag.opaque)));
}

/// X-Forwarded-For: there are as many hops as were listed, and every one that is written is read again.
pub fn forwarded_for(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let lines: Vec<&str> = text.lines().collect();
    let hops: Vec<Option<IpAddr>> = forwarded_for::hops(&lines).collect();
    assert_eq!(hops.len(), lines.iter().map(|line| line.split(',').count()).sum::<usize>());
    for hop in hops.into_iter().flatten() {
        let written = [hop.to_string(), format!("[{hop}]"), std::net::SocketAddr::new(hop, 443).to_string()];
        for written in &written {
            assert_eq!(forwarded_for::hops(&[written]).collect::<Vec<_>>(), [Some(hop)], "{written}");
        }
    }
}

/// Content-Disposition: a name has nothing in it that no file name should have, and is read again as it is written.
pub fn file_names(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    for name in [file_names::in_disposition(&text), file_names::clean(&text)].into_iter().flatten() {
        assert!(!name.contains(['/', '\\', '"']) && !name.contains(char::is_control) && name != "..", "{name}");
        let written = file_names::disposition(&name);
        assert!(written.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{written}");
        assert_eq!(file_names::in_disposition(&written), Some(name));
    }
    let encoded = file_names::percent_encoded(&text);
    assert!(encoded.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte)));
}

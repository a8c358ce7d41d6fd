//! What a person sees who opens an address that is refused: why, and where in the address. Whoever embeds it as a picture gets no body.

use actix_web::{HttpRequest, http::header::ACCEPT};
use transform::{grammar::split_path, refusal::Place};

use super::url::is_signature;

const BEGINNING: &str = "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
    <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Not delivered</title>\n<style>\n\
    :root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }\n\
    body { max-width: 50rem; margin: 3rem auto; padding: 0 1.5rem; }\n\
    h1 { font-size: 1.3rem; border-left: .35rem solid #c3341f; padding-left: .7rem; }\n\
    code { font-family: ui-monospace, monospace; overflow-wrap: anywhere; }\n\
    mark { background: #c3341f; color: #fff; padding: .1rem .2rem; border-radius: .2rem; }\n</style>\n";

/// Whether it is a person that asks: a browser that opens an address says that it wants a page, and one that embeds a picture does not.
pub(super) fn is_wanted(request: &HttpRequest) -> bool {
    let accept = request.headers().get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accept.split(',').any(|kind| kind.split(';').next().is_some_and(|kind| kind.trim() == "text/html"))
}

/// The page.
pub(super) fn page(path: &str, message: &str) -> String {
    let path = match wrong_part(path) {
        Some((before, wrong, behind)) => {
            format!("{}<mark>{}</mark>{}", escaped(before), escaped(wrong), escaped(behind))
        }
        None => escaped(path),
    };
    format!("{BEGINNING}<h1>{}</h1>\n<p><code>{path}</code></p>\n</html>\n", escaped(message))
}

/// The part of a path that cannot be read as a transformation, with what stands before and behind it.
fn wrong_part(path: &str) -> Option<(&str, &str, &str)> {
    // Cloud name, resource type and delivery type, and perhaps a signature, stand before it.
    let begins = path.match_indices('/').map(|(at, _)| at + 1).skip(3);
    let pieces = begins.map(|begin| (begin, path[begin..].split('/').next().unwrap_or_default()));
    let pieces: Vec<(usize, &str)> = pieces.filter(|(_, piece)| !piece.is_empty() && !is_signature(piece)).collect();
    let texts: Vec<&str> = pieces.iter().map(|(_, piece)| *piece).collect();
    let Place { component, item } = split_path(&texts).err()?.place()?;
    let (begin, piece) = *pieces.get(component.checked_sub(1)?)?;
    let (from, length) = match item.and_then(|item| item.checked_sub(1)) {
        Some(item) => {
            let before: usize = piece.split(',').take(item).map(|item| item.len() + 1).sum();
            (begin + before, piece.split(',').nth(item)?.len())
        }
        None => (begin, piece.len()),
    };
    Some((&path[..from], &path[from..from + length], &path[from + length..]))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wrong_part_is_marked_and_nothing_is_taken_for_a_tag() {
        let page = page("/demo/image/upload/w_20/c_fil,g_auto/v1/<b>.jpg", "a < b");
        assert!(page.contains("/upload/w_20/<mark>c_fil</mark>,g_auto/v1/&lt;b&gt;.jpg"), "{page}");
        assert!(page.contains("<h1>a &lt; b</h1>"), "{page}");
        let marked = |path| wrong_part(path).map(|(_, wrong, _)| wrong);
        assert_eq!(marked("/demo/image/upload/s--abcdefgh--/w_20,zz_1/a.jpg"), Some("zz_1"));
        assert_eq!(marked("/demo/image/upload/w_20/if_end/a.jpg"), Some("if_end"));
        assert_eq!(marked("/demo/image/upload/w_20/a.jpg"), None);
        assert_eq!(marked("/demo"), None);
    }
}

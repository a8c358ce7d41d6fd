//! `safelight explain`: what a transformation comes to, without an installation.

use std::io::{BufRead, Write};

use clap::Args;
use transform::{
    explain::{Explanation, explain},
    facts::Facts,
    source::{Format, SourceMeta},
};

use super::{Failure, Outcome, print};

#[derive(Debug, Args)]
pub struct Arguments {
    /// Width and height of the picture, as in 640x427; without it, the transformation is read and printed
    #[arg(long, value_name = "WIDTHxHEIGHT")]
    source: Option<String>,
    /// Format of the picture
    #[arg(long, value_name = "FORMAT", default_value = "jpg")]
    format: String,
    /// A tag of the picture; may be repeated
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// Answer with one line of JSON: canonical, width, height, format, plan, error
    #[arg(long)]
    json: bool,
    /// Read lines of width, height and transformation, separated by tabs, and answer each with one line of JSON; sizes may be empty
    #[arg(long, conflicts_with_all = ["transformation", "source"])]
    stdin: bool,
    /// The transformation, as it stands in an address
    #[arg(required_unless_present = "stdin")]
    transformation: Option<String>,
}

pub fn run(arguments: &Arguments) -> Outcome {
    let format = Format::from_name(&arguments.format);
    let format = format.ok_or_else(|| Failure::new(format!("there is no image format {}", arguments.format)))?;
    let facts = Facts { tags: &arguments.tags, ..Facts::default() };
    if arguments.stdin {
        return every_line(format, &facts);
    }
    let text = arguments.transformation.as_deref().unwrap_or_default();
    let source = arguments.source.as_deref().map(|size| source(format, size.split_once('x'), size)).transpose()?;
    let explanation = explain(text, source.as_ref(), &facts);
    if arguments.json {
        print(line(&explanation)?);
    } else {
        print(in_words(&explanation));
    }
    match explanation.error {
        Some(error) => Err(Failure::new(error)),
        None => Ok(()),
    }
}

fn every_line(format: Format, facts: &Facts<'_>) -> Outcome {
    let mut output = std::io::stdout().lock();
    for read in std::io::stdin().lock().split(b'\n') {
        let read = read?;
        let read = String::from_utf8_lossy(&read);
        let read = read.trim_end_matches('\r');
        let mut fields = read.splitn(3, '\t');
        let explanation = match (fields.next(), fields.next(), fields.next()) {
            (Some(""), Some(""), Some(text)) => explain(text, None, facts),
            (Some(width), Some(height), Some(text)) => match source(format, Some((width, height)), read) {
                Ok(source) => explain(text, Some(&source), facts),
                Err(error) => Explanation { error: Some(error.to_string()), ..Explanation::default() },
            },
            _ => {
                let error = "a line has a width, a height and a transformation, separated by tabs".to_owned();
                Explanation { error: Some(error), ..Explanation::default() }
            }
        };
        writeln!(output, "{}", line(&explanation)?)?;
    }
    Ok(())
}

fn source(format: Format, size: Option<(&str, &str)>, text: &str) -> Outcome<SourceMeta> {
    let side = |text: &str| text.trim().parse().ok().filter(|side| *side > 0);
    let size = size.and_then(|(width, height)| Some((side(width)?, side(height)?)));
    let (width, height) = size.ok_or_else(|| Failure::new(format!("`{text}` is no size; write it as in 640x427")))?;
    Ok(SourceMeta::still(format, width, height))
}

fn line(explanation: &Explanation) -> Outcome<String> {
    Ok(serde_json::to_string(explanation)?)
}

fn in_words(explanation: &Explanation) -> String {
    let Explanation { canonical, width, height, format, plan, .. } = explanation;
    let mut lines = Vec::new();
    lines.extend(canonical.iter().map(|canonical| format!("canonical  {canonical}")));
    if let (Some(width), Some(height), Some(format)) = (width, height, format) {
        lines.push(format!("result     {width}x{height} {format}"));
    }
    lines.extend(plan.iter().map(|plan| format!("plan       {plan}")));
    lines.join("\n")
}

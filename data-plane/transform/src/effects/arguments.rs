//! How arguments of effects are written and read.

use std::fmt;

use crate::colour::print_bare;
use crate::escape::encoded;
use crate::grammar::number::Decimal;
use crate::plan::Colour;

/// How the arguments of an effect are written.
#[derive(Debug, Clone, Copy)]
pub enum Form {
    /// There are none.
    Nothing,
    /// One number, which is always printed.
    Strength(Range),
    /// Some, joined by colons, in this order; those at the end may be left out.
    Slots {
        /// How many there are at least.
        least: usize,
        /// What they are.
        slots: &'static [Slot],
    },
    /// As many of one kind, joined by colons, as one of these numbers says.
    Several {
        /// What each of them is.
        each: Slot,
        /// How many there may be.
        counts: &'static [usize],
    },
    /// Names with values, as `name_value`, in any order.
    Named {
        /// What joins them where they are printed.
        joined_by: char,
        /// Their names and values, in the order in which they are printed.
        arguments: &'static [(&'static str, Slot)],
    },
    /// The first of these that fits.
    Any(&'static [Form]),
    /// A text of its own, which is kept as it is.
    Text {
        /// Whether there has to be one.
        required: bool,
    },
}

/// A number. Smaller and larger ones are cut to it, because live addresses contain them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// Smallest value.
    pub min: i64,
    /// Largest value.
    pub max: i64,
    /// The value when the URL gives none.
    pub default: i64,
}

/// One argument.
#[derive(Debug, Clone, Copy)]
pub enum Slot {
    /// A number.
    Number(Range),
    /// A number, or one of these words.
    NumberOr(Range, &'static [&'static str]),
    /// One of these numbers.
    OneOf(&'static [i64]),
    /// A number of decibels, as `-10dB`.
    Decibels,
    /// A number, pixels without a decimal point and a share with one.
    Length,
    /// A colour, its digits with or without `rgb:`.
    Colour,
    /// A place between nought and a hundred, as `40p`. Where something else stands, it was left out and the next one is meant.
    Place,
    /// One of these words. Where another stands, it was left out and the next one is meant.
    Word(&'static [&'static str]),
    /// Any text that is not empty.
    Text,
}

/// An argument that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Argument {
    Number(Decimal),
    /// A length keeps its decimal point: with it, it is a share.
    Length(Decimal, bool),
    Decibels(Decimal),
    Colour(Colour),
    Place(Decimal),
    Word(&'static str),
    Text(String),
}

/// The arguments of one effect: one place for each that its form knows, as far as they were given.
#[derive(Debug, Clone, Default)]
pub(super) struct Arguments {
    slots: Vec<Option<Argument>>,
    /// The form that was read.
    form: Option<Form>,
    /// Numbers beyond their ranges, and what they were cut to.
    pub(super) cut: Vec<(Decimal, Decimal)>,
}

impl Arguments {
    /// Reads what stands behind the name; nothing where it does not fit the form.
    pub(super) fn read(form: Form, text: Option<&str>) -> Option<Self> {
        let mut read = Self { form: Some(form), ..Self::default() };
        match (form, text) {
            (Form::Any(forms), text) => return forms.iter().find_map(|form| Self::read(*form, text)),
            (Form::Nothing, None) | (Form::Text { required: false } | Form::Named { .. }, None) => {}
            (Form::Slots { least: 0, .. }, None) => {}
            (Form::Nothing, Some(_)) | (_, None) if !matches!(form, Form::Strength(_)) => return None,
            (Form::Strength(range), None) => read.slots.push(Some(Argument::Number(Decimal::whole(range.default)))),
            (Form::Strength(range), Some(text)) => {
                let argument = read.one(Slot::Number(range), text)?;
                read.slots.push(Some(argument));
            }
            (Form::Text { .. }, Some(text)) => read.slots.push(Some(plain_text(text)?)),
            (Form::Several { each, counts }, Some(text)) => {
                for text in text.split(':') {
                    let argument = read.one(each, text)?;
                    read.slots.push(Some(argument));
                }
                if !counts.contains(&read.slots.len()) {
                    return None;
                }
            }
            (Form::Slots { least, slots }, Some(text)) => read.in_order(slots, least, text)?,
            (Form::Named { arguments, .. }, Some(text)) => read.by_name(arguments, text)?,
            _ => return None,
        }
        Some(read)
    }

    fn in_order(&mut self, slots: &'static [Slot], least: usize, text: &str) -> Option<()> {
        // Digits stand bare, and `rgb:` before them is only another spelling.
        let text = text.replace("rgb:", "");
        let (mut rest, mut given) = (slots.iter(), 0);
        for word in text.split(':') {
            if word.is_empty() {
                // Clients leave arguments out like this, too.
                rest.next()?;
                self.slots.push(None);
                continue;
            }
            loop {
                let slot = rest.next()?;
                match self.one(*slot, word) {
                    Some(argument) => self.slots.push(Some(argument)),
                    None if matches!(slot, Slot::Word(_) | Slot::Place) => {
                        self.slots.push(None);
                        continue;
                    }
                    None => return None,
                }
                given += 1;
                break;
            }
        }
        (given >= least).then_some(())
    }

    fn by_name(&mut self, known: &'static [(&'static str, Slot)], text: &str) -> Option<()> {
        self.slots.resize(known.len(), None);
        let text = &text.replace("rgb:", "");
        // Clients join them by either.
        for part in outside_of_brackets(text, &[':', ';']) {
            // Of two names of which one begins the other, the longer one is meant.
            let fits = |(at, (name, slot)): (usize, &(&str, Slot))| {
                let value = part.strip_prefix(name)?;
                let value = value.strip_prefix('_').or_else(|| value.starts_with('(').then_some(value))?;
                Some((at, *slot, value, name.len()))
            };
            let (at, slot, value, _) = known.iter().enumerate().filter_map(fits).max_by_key(|(.., length)| *length)?;
            let argument = self.one(slot, value)?;
            if self.slots[at].replace(argument).is_some() {
                return None;
            }
        }
        Some(())
    }

    fn one(&mut self, slot: Slot, text: &str) -> Option<Argument> {
        match slot {
            Slot::Number(range) => {
                let given = Decimal::parse(text)?;
                let number = given.clamp(Decimal::whole(range.min), Decimal::whole(range.max));
                if number != given {
                    self.cut.push((given, number));
                }
                Some(Argument::Number(number))
            }
            Slot::NumberOr(range, words) => match words.iter().find(|word| **word == text) {
                Some(word) => Some(Argument::Word(word)),
                None => self.one(Slot::Number(range), text),
            },
            Slot::OneOf(numbers) => {
                let number = Decimal::parse(text)?;
                numbers.iter().any(|known| Decimal::whole(*known) == number).then_some(Argument::Number(number))
            }
            Slot::Decibels => {
                let end = text.len().checked_sub(2)?;
                let unit = text.get(end..)?;
                unit.eq_ignore_ascii_case("db").then(|| Decimal::parse(&text[..end]).map(Argument::Decibels))?
            }
            Slot::Length => Some(Argument::Length(Decimal::parse(text)?, text.contains('.'))),
            Slot::Colour => colour(text).map(Argument::Colour),
            Slot::Place => {
                let place = Decimal::parse(text.strip_suffix('p')?)?;
                (Decimal::ZERO..=Decimal::whole(100)).contains(&place).then_some(Argument::Place(place))
            }
            Slot::Word(words) => words.iter().find(|word| **word == text).map(|word| Argument::Word(word)),
            Slot::Text => plain_text(text),
        }
    }

    /// The argument at a place of the form.
    fn at(&self, place: usize) -> Option<&Argument> {
        self.slots.get(place)?.as_ref()
    }

    /// The number at a place, to the nearest whole one.
    pub(super) fn number(&self, place: usize) -> Option<i64> {
        match self.at(place)? {
            Argument::Number(number) => Some(number.rounded()),
            _ => None,
        }
    }

    /// All numbers, as they are.
    pub(super) fn numbers(&self) -> Vec<f64> {
        let number = |argument: &Option<Argument>| match argument {
            Some(Argument::Number(number)) => Some(number.value()),
            _ => None,
        };
        self.slots.iter().filter_map(number).collect()
    }

    /// The word at a place.
    pub(super) fn word(&self, place: usize) -> Option<&'static str> {
        match self.at(place)? {
            Argument::Word(word) => Some(word),
            _ => None,
        }
    }

    /// The colour at a place.
    pub(super) fn colour(&self, place: usize) -> Option<Colour> {
        match self.at(place)? {
            Argument::Colour(colour) => Some(*colour),
            _ => None,
        }
    }
}

impl PartialEq for Arguments {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

/// What stands behind the name, its first separator included.
impl fmt::Display for Arguments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = ':';
        let given = self.slots.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
        // What can be told by its kind is left out, unless something else was left out whose place has to be seen.
        let is_seen = |at: usize| match self.form {
            Some(Form::Slots { slots, .. }) => !matches!(slots.get(at), Some(Slot::Word(_) | Slot::Place)),
            _ => false,
        };
        let shows_places = (0..given).any(|at| self.slots[at].is_none() && is_seen(at));
        for (at, argument) in self.slots.iter().enumerate().take(given) {
            let Some(argument) = argument else {
                if shows_places {
                    f.write_str(":")?;
                }
                continue;
            };
            write!(f, "{separator}")?;
            match self.form {
                Some(Form::Named { joined_by, arguments }) => {
                    write!(f, "{}_{argument}", arguments[at].0)?;
                    separator = joined_by;
                }
                _ => write!(f, "{argument}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Argument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Length(number, is_share) => {
                let text = number.to_string();
                let tail = if *is_share && !text.contains('.') { ".0" } else { "" };
                write!(f, "{text}{tail}")
            }
            Self::Decibels(number) => write!(f, "{number}dB"),
            Self::Colour(colour) => f.write_str(&print_bare(*colour)),
            Self::Place(place) => write!(f, "{place}p"),
            Self::Word(word) => f.write_str(word),
            Self::Text(text) => write!(f, "{}", encoded(text)),
        }
    }
}

/// What one argument is, for people.
impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(Range { min, max, default }) => write!(f, "{min} to {max} ({default})"),
            Self::NumberOr(range, words) => write!(f, "{}, {}", Self::Number(*range), words.join(", ")),
            Self::OneOf(numbers) => {
                f.write_str(&numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
            }
            Self::Decibels => f.write_str("decibels as -10dB"),
            Self::Length => f.write_str("pixels, or a share with a decimal point"),
            Self::Colour => f.write_str("a colour"),
            Self::Place => f.write_str("0p to 100p"),
            Self::Word(words) => f.write_str(&words.join(", ")),
            Self::Text => f.write_str("text"),
        }
    }
}

/// What an effect takes, for people.
impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("nothing"),
            Self::Strength(range) => Slot::Number(*range).fmt(f),
            Self::Slots { slots, .. } => {
                // Alike ones at the end are said once.
                let texts: Vec<String> = slots.iter().map(ToString::to_string).collect();
                let shown = texts.iter().take(4).cloned().collect::<Vec<_>>().join(" : ");
                write!(f, "{shown}{}", if texts.len() > 4 { " : …" } else { "" })
            }
            Self::Several { each, counts } => {
                let counts = counts.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ");
                write!(f, "{counts} of {each}")
            }
            Self::Named { joined_by, arguments } => {
                let texts: Vec<String> = arguments.iter().map(|(name, slot)| format!("{name}_ {slot}")).collect();
                f.write_str(&texts.join(&format!(" {joined_by} ")))
            }
            Self::Any(forms) => f.write_str(&forms.iter().map(ToString::to_string).collect::<Vec<_>>().join(" | ")),
            Self::Text { required: true } => f.write_str("a text of its own"),
            Self::Text { required: false } => f.write_str("nothing, or a text of its own"),
        }
    }
}

/// A colour as arguments have it: its digits stand bare.
fn colour(text: &str) -> Option<Colour> {
    Colour::from_url(text).or_else(|| Colour::from_url(&format!("rgb:{text}")))
}

/// Text without control characters and variables; these are put in before it is read.
fn plain_text(text: &str) -> Option<Argument> {
    let is_text = !text.is_empty() && !text.chars().any(char::is_control) && !text.contains('$');
    is_text.then(|| Argument::Text(text.to_owned()))
}

/// The parts of a text between separators that stand outside of round brackets.
fn outside_of_brackets<'a>(text: &'a str, separators: &[char]) -> Vec<&'a str> {
    let (mut parts, mut begin, mut depth) = (Vec::new(), 0, 0_usize);
    for (at, character) in text.char_indices() {
        match character {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ if separators.contains(&character) && depth == 0 => {
                parts.push(&text[begin..at]);
                begin = at + character.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[begin..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENTHS: Range = Range { min: 0, max: 10, default: 5 };

    fn printed(form: Form, text: &str) -> Option<String> {
        Arguments::read(form, (!text.is_empty()).then_some(text)).map(|arguments| arguments.to_string())
    }

    #[test]
    fn forms_read_what_they_say() {
        let strength = Form::Strength(TENTHS);
        assert_eq!(printed(strength, "").as_deref(), Some(":5"));
        assert_eq!(printed(strength, "99").as_deref(), Some(":10"));
        assert_eq!((printed(strength, "x"), printed(strength, "1:2")), (None, None));
        assert_eq!((printed(Form::Nothing, "").as_deref(), printed(Form::Nothing, "1")), (Some(""), None));
        let slots = Form::Slots { least: 1, slots: &[Slot::Word(&["a", "b"]), Slot::Number(TENTHS), Slot::Colour] };
        assert_eq!(printed(slots, "b:3:f00").as_deref(), Some(":b:3:red"));
        assert_eq!(printed(slots, "3:rgb:f00").as_deref(), Some(":3:red"));
        assert_eq!(
            (printed(slots, ":3:").as_deref(), printed(slots, "::red").as_deref()),
            (Some(":3"), Some(":::red"))
        );
        assert_eq!((printed(slots, ""), printed(slots, "b:b"), printed(slots, "1:red:2")), (None, None, None));
        let several = Form::Several { each: Slot::Length, counts: &[2, 4] };
        assert_eq!(printed(several, "1:0.50").as_deref(), Some(":1:0.5"));
        assert_eq!((printed(several, "1"), printed(several, "1:2:3")), (None, None));
        let named = Form::Named { joined_by: ';', arguments: &[("max", Slot::Number(TENTHS)), ("from", Slot::Text)] };
        assert_eq!(printed(named, "from_(a;b);max_3").as_deref(), Some(":max_3;from_(a;b)"));
        assert_eq!(printed(named, "from(a;b):max_4").as_deref(), Some(":max_4;from_(a;b)"));
        assert_eq!((printed(named, "max_1;max_2"), printed(named, "other_1")), (None, None));
        let any = Form::Any(&[Form::Strength(TENTHS), Form::Slots { least: 1, slots: &[Slot::Decibels] }]);
        assert_eq!(printed(any, "+3Db").as_deref(), Some(":3dB"));
        assert_eq!(printed(any, "4").as_deref(), Some(":4"));
    }

    #[test]
    fn what_is_cut_is_known() {
        let cut = Arguments::read(Form::Strength(TENTHS), Some("290")).unwrap().cut;
        assert_eq!(cut, [(Decimal::whole(290), Decimal::whole(10))]);
    }
}

//! Where windows are cut and pictures are placed: `g_`.

use std::fmt;

use super::words;
use crate::escape::{encoded, encoded_literal};
use crate::facts::Rectangle;
use crate::refusal::Refusal;

/// Where windows are cut and pictures are placed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Gravity {
    /// A side, a corner or the centre.
    Compass(Compass),
    /// The most interesting area.
    Auto(AutoGravity),
    /// The window's centre lies at x, y.
    XyCenter,
    /// Faces, or what stands in for them where none are known.
    Faces {
        /// Whether all of them, or the largest.
        all: bool,
        /// What stands in.
        or: FaceFallback,
    },
    /// Rectangles that people have marked.
    Custom {
        /// What stands in where none are marked; nothing is the centre.
        or: Option<CustomFallback>,
    },
    /// `region_!name!`: a rectangle that people have named.
    Region(String),
    /// `clipping_path_!name!`: a path in the file.
    ClippingPath(String),
    /// `liquid`: seams are taken out.
    Liquid,
    /// `cld-decompose_tile`: the largest tile of a collage.
    Tile,
    /// `track_person`, with its arguments.
    TrackPerson(String),
    /// Things that a trained model finds, tried in order, and how to go on where none is there.
    Objects(Vec<String>, Option<AutoGravity>),
}

/// What `auto` looks for, as it is written behind it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct AutoGravity {
    /// Which way of looking.
    pub method: AutoMethod,
    /// What raises or lowers the interest of an area, in order.
    pub focus: Vec<Focus>,
}

/// Which way of looking for what is interesting.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum AutoMethod {
    /// By how it catches the eye; what is said of nothing else is this here.
    #[default]
    Classic,
    /// By a model that finds the subject.
    Subject,
}

/// One argument of `auto`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Focus {
    /// A thing, and how much it counts; nothing said is as usual.
    Thing(String, Option<Weight>),
    /// `aoi_x_y_w_h`: an area in pixels of the source.
    Area([u32; 4]),
    /// `0` to `100`: how much is kept around it.
    Aggressiveness(u8),
    /// `thirds_0`: not moved towards a third.
    NoThirds,
    /// `none`: what people have marked is not regarded.
    IgnoreMarks,
}

/// How much a thing counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Weight {
    /// The window keeps away from it.
    Avoid,
    /// A number from nought to a hundred.
    Of(u8),
}

/// What stands in for faces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaceFallback {
    /// The top, as where nothing is said.
    North,
    /// The centre.
    Center,
    /// What is interesting.
    Auto,
}

/// What stands in for marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CustomFallback {
    /// The largest face.
    Face,
    /// All faces.
    Faces,
    /// As they, by an add-on: `adv_face`.
    AdvancedFace,
    /// As they, by an add-on: `adv_faces`.
    AdvancedFaces,
}

/// The nine places of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are the directions")]
pub enum Compass {
    NorthWest,
    North,
    NorthEast,
    West,
    Center,
    East,
    SouthWest,
    South,
    SouthEast,
}

impl Compass {
    /// All of them, in reading order.
    pub const ALL: [Self; 9] = [
        Self::NorthWest,
        Self::North,
        Self::NorthEast,
        Self::West,
        Self::Center,
        Self::East,
        Self::SouthWest,
        Self::South,
        Self::SouthEast,
    ];

    /// The value of `g_`.
    pub fn name(self) -> &'static str {
        match self {
            Self::NorthWest => "north_west",
            Self::North => "north",
            Self::NorthEast => "north_east",
            Self::West => "west",
            Self::Center => "center",
            Self::East => "east",
            Self::SouthWest => "south_west",
            Self::South => "south",
            Self::SouthEast => "south_east",
        }
    }
}

/// Things that a detector finds, of those that clients have names for; any word behind a colon may be one.
const OBJECTS: &[&str] = &[
    "adv_eyes",
    "adv_face",
    "adv_faces",
    "aeroplane",
    "bicycle",
    "bird",
    "boat",
    "body",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "diningtable",
    "dog",
    "horse",
    "microwave",
    "motorbike",
    "ocr_text",
    "person",
    "pottedplant",
    "refrigerator",
    "sheep",
    "shoe",
    "sink",
    "skateboard",
    "sofa",
    "train",
    "tvmonitor",
];

impl Gravity {
    /// Words that stand alone, for advice.
    pub const WORDS: &[&str] = &[
        "north_west",
        "north",
        "north_east",
        "west",
        "center",
        "east",
        "south_west",
        "south",
        "south_east",
        "auto",
        "face",
        "faces",
        "custom",
        "xy_center",
        "liquid",
    ];

    /// Reads the value of `g_`.
    ///
    /// # Errors
    /// Names of objects cannot be told from misspelled words by their form, so a plain word outside of the language is invalid.
    pub fn parse(value: &str) -> Result<Self, Refusal> {
        Self::read(value).ok_or_else(|| Refusal::invalid("gravity", value))
    }

    fn read(value: &str) -> Option<Self> {
        if let Some(compass) = Compass::ALL.into_iter().find(|compass| compass.name() == value) {
            return Some(Self::Compass(compass));
        }
        let faces = |all, or| Some(Self::Faces { all, or });
        let custom = |or| Some(Self::Custom { or });
        match value {
            "xy_center" => return Some(Self::XyCenter),
            "liquid" => return Some(Self::Liquid),
            "cld-decompose_tile" => return Some(Self::Tile),
            "face" => return faces(false, FaceFallback::North),
            "faces" => return faces(true, FaceFallback::North),
            "face:center" => return faces(false, FaceFallback::Center),
            "faces:center" => return faces(true, FaceFallback::Center),
            "face:auto" => return faces(false, FaceFallback::Auto),
            "faces:auto" => return faces(true, FaceFallback::Auto),
            "custom" => return custom(None),
            "custom:face" => return custom(Some(CustomFallback::Face)),
            "custom:faces" => return custom(Some(CustomFallback::Faces)),
            "custom:adv_face" => return custom(Some(CustomFallback::AdvancedFace)),
            "custom:adv_faces" => return custom(Some(CustomFallback::AdvancedFaces)),
            _ => {}
        }
        let named = |prefix| value.strip_prefix(prefix).and_then(words::literal).filter(|name| !name.is_empty());
        if let Some(name) = named("region_") {
            return Some(Self::Region(name.to_owned()));
        }
        if let Some(name) = named("clipping_path_") {
            return Some(Self::ClippingPath(name.to_owned()));
        }
        if let Some(rest) = value.strip_prefix("track_person") {
            return (rest.is_empty() || rest.starts_with(':'))
                .then(|| Self::TrackPerson(rest.trim_start_matches(':').into()));
        }
        let (first, rest) = value.split_once(':').map_or((value, None), |(first, rest)| (first, Some(rest)));
        if first == "auto" {
            return AutoGravity::parse(rest).map(Self::Auto);
        }
        if !OBJECTS.contains(&first) {
            return None;
        }
        let mut things = vec![first.to_owned()];
        let mut words = rest.into_iter().flat_map(|rest| rest.split(':'));
        while let Some(word) = words.next() {
            if word == "auto" {
                let tail: Vec<&str> = words.collect();
                let tail = (!tail.is_empty()).then(|| tail.join(":"));
                return Some(Self::Objects(things, Some(AutoGravity::parse(tail.as_deref())?)));
            }
            things.push(thing(word)?.to_owned());
        }
        Some(Self::Objects(things, None))
    }
}

impl fmt::Display for Gravity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Compass(compass) => compass.name(),
            Self::Auto(auto) => return write!(f, "auto{auto}"),
            Self::XyCenter => "xy_center",
            Self::Faces { all, or } => {
                let tail = match or {
                    FaceFallback::North => "",
                    FaceFallback::Center => ":center",
                    FaceFallback::Auto => ":auto",
                };
                return write!(f, "{}{tail}", if *all { "faces" } else { "face" });
            }
            Self::Custom { or } => match or {
                None => "custom",
                Some(CustomFallback::Face) => "custom:face",
                Some(CustomFallback::Faces) => "custom:faces",
                Some(CustomFallback::AdvancedFace) => "custom:adv_face",
                Some(CustomFallback::AdvancedFaces) => "custom:adv_faces",
            },
            Self::Region(name) => return write!(f, "region_!{}!", encoded_literal(name)),
            Self::ClippingPath(name) => return write!(f, "clipping_path_!{}!", encoded_literal(name)),
            Self::Liquid => "liquid",
            Self::Tile => "cld-decompose_tile",
            Self::TrackPerson(arguments) if arguments.is_empty() => "track_person",
            Self::TrackPerson(arguments) => return write!(f, "track_person:{}", encoded(arguments)),
            Self::Objects(things, auto) => {
                f.write_str(&things.join(":"))?;
                return auto.iter().try_for_each(|auto| write!(f, ":auto{auto}"));
            }
        })
    }
}

impl AutoGravity {
    fn parse(text: Option<&str>) -> Option<Self> {
        let mut auto = Self::default();
        for (index, word) in text.into_iter().flat_map(|text| text.split(':')).enumerate() {
            match word {
                "classic" if index == 0 => {}
                "subject" if index == 0 => auto.method = AutoMethod::Subject,
                "classic" | "subject" => return None,
                _ => auto.focus.push(Focus::parse(word)?),
            }
        }
        Some(auto)
    }

    /// The first thing it looks for that needs a trained model.
    pub fn unknown_thing(&self) -> Option<&str> {
        self.focus.iter().find_map(|focus| match focus {
            Focus::Thing(name, weight) if !matches!(name.as_str(), "face" | "faces" | "custom") => Some(name.as_str()),
            // To keep away from what people have marked is another rule than to go there.
            Focus::Thing(name, Some(Weight::Avoid)) => Some(name.as_str()),
            _ => None,
        })
    }

    /// The area that is to be kept, in pixels of the source.
    pub fn area(&self) -> Option<Rectangle> {
        self.focus.iter().find_map(|focus| match *focus {
            Focus::Area([x, y, width, height]) if width > 0 && height > 0 => Some(Rectangle { x, y, width, height }),
            _ => None,
        })
    }

    /// Whether what people have marked is regarded.
    pub fn regards_marks(&self) -> bool {
        !self.focus.contains(&Focus::IgnoreMarks)
    }
}

impl fmt::Display for AutoGravity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.method == AutoMethod::Subject {
            f.write_str(":subject")?;
        }
        self.focus.iter().try_for_each(|focus| write!(f, ":{focus}"))
    }
}

impl Focus {
    fn parse(word: &str) -> Option<Self> {
        match word {
            "none" | "custom_no_override" => return Some(Self::IgnoreMarks),
            _ => {}
        }
        // However many noughts.
        if word
            .strip_prefix("thirds_")
            .is_some_and(|weight| !weight.is_empty() && weight.bytes().all(|digit| digit == b'0'))
        {
            return Some(Self::NoThirds);
        }
        if word.bytes().all(|byte| byte.is_ascii_digit()) {
            return word.parse().ok().filter(|number| *number <= 100).map(Self::Aggressiveness);
        }
        if let Some(area) = word.strip_prefix("aoi_") {
            let sides: Vec<u32> = area.split('_').map(|side| side.parse().ok()).collect::<Option<_>>()?;
            return sides.try_into().ok().map(Self::Area);
        }
        if let Some(name) = word.strip_suffix("_avoid") {
            return thing(name).map(|name| Self::Thing(name.to_owned(), Some(Weight::Avoid)));
        }
        if let Some((name, weight)) = word.rsplit_once('_')
            && let Some(weight) = weight.parse().ok().filter(|weight: &u8| *weight <= 100)
        {
            return thing(name).map(|name| Self::Thing(name.to_owned(), Some(Weight::Of(weight))));
        }
        thing(word).map(|name| Self::Thing(name.to_owned(), None))
    }
}

impl fmt::Display for Focus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Thing(name, None) => f.write_str(name),
            Self::Thing(name, Some(Weight::Avoid)) => write!(f, "{name}_avoid"),
            Self::Thing(name, Some(Weight::Of(weight))) => write!(f, "{name}_{weight}"),
            Self::Area([x, y, width, height]) => write!(f, "aoi_{x}_{y}_{width}_{height}"),
            Self::Aggressiveness(number) => number.fmt(f),
            Self::NoThirds => f.write_str("thirds_0"),
            Self::IgnoreMarks => f.write_str("none"),
        }
    }
}

/// A word as things are called: letters, digits, underscores and dashes.
fn thing(word: &str) -> Option<&str> {
    let is_word = word.starts_with(|first: char| first.is_ascii_alphabetic())
        && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    is_word.then_some(word)
}

//! Values that are known by name wherever a component is reached.

/// Predefined values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Name {
    /// `w`: width of the picture as it is.
    Width,
    /// `h`: height of the picture as it is.
    Height,
    /// `ar`: their ratio.
    Ratio,
    /// `iw`: width of the original.
    InitialWidth,
    /// `ih`: height of the original.
    InitialHeight,
    /// `iar`: their ratio.
    InitialRatio,
    /// `tar`: ratio of the original without its uniform edges.
    TrimmedRatio,
    /// `du`: duration as it is.
    Duration,
    /// `idu`: duration of the original.
    InitialDuration,
    /// `fc`: number of faces.
    Faces,
    /// `pc`: number of pages.
    Pages,
    /// `cp`: the page that is taken.
    Page,
    /// `px`: horizontal offset of a layer of the original.
    LayerX,
    /// `py`: its vertical offset.
    LayerY,
    /// `ils`: how likely it is a drawing.
    Illustration,
    /// `idn`: density of the original.
    InitialDensity,
    /// `iaf`: audio frequency of the original.
    InitialFrequency,
}

impl Name {
    #[rustfmt::skip]
    const ALL: [(&'static str, Self); 17] = [
        ("w", Self::Width), ("h", Self::Height), ("ar", Self::Ratio), ("iw", Self::InitialWidth), ("ih", Self::InitialHeight),
        ("iar", Self::InitialRatio), ("tar", Self::TrimmedRatio), ("du", Self::Duration), ("idu", Self::InitialDuration),
        ("fc", Self::Faces), ("pc", Self::Pages), ("cp", Self::Page), ("px", Self::LayerX), ("py", Self::LayerY),
        ("ils", Self::Illustration), ("idn", Self::InitialDensity), ("iaf", Self::InitialFrequency),
    ];

    /// The value of a word.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            // Older names of the original's sides.
            "ow" => Some(Self::InitialWidth),
            "oh" => Some(Self::InitialHeight),
            _ => Self::ALL.iter().find(|(name, _)| *name == word).map(|(_, name)| *name),
        }
    }

    /// What its value is good for as a length: how many there are of something is a count.
    pub fn is_count(self) -> bool {
        matches!(self, Self::Faces | Self::Pages | Self::Page)
    }

    /// The word in the text.
    pub fn word(self) -> &'static str {
        Self::ALL.iter().find(|(_, name)| *name == self).map_or("", |(word, _)| word)
    }
}

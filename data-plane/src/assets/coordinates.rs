//! Rectangles that people have marked in a picture: faces, and what a crop is to keep. Pure.

use plane_kit::{
    error::ApiError,
    http::params::{Params, invalid_value},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How many rectangles of a kind a picture may have.
const MOST: usize = 100;
/// The largest number in a rectangle.
const LARGEST: u32 = 1_000_000;

/// Left, top, width and height in pixels of the original.
pub type Rectangle = [u32; 4];

/// The rectangles of a picture.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coordinates {
    /// Faces.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faces: Vec<Rectangle>,
    /// What a crop is to keep.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub custom: Vec<Rectangle>,
}

impl Coordinates {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.faces.is_empty() && self.custom.is_empty()
    }
}

/// What changes of a picture's rectangles; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CoordinatesChange {
    faces: Option<Vec<Rectangle>>,
    custom: Option<Vec<Rectangle>>,
}

impl CoordinatesChange {
    /// Reads `face_coordinates` and `custom_coordinates`. An empty text takes all of a kind away.
    pub fn read(params: &Params) -> Result<Self, ApiError> {
        Ok(Self { faces: rectangles(params, "face_coordinates")?, custom: rectangles(params, "custom_coordinates")? })
    }

    /// The rectangles afterwards.
    pub fn applied_to(&self, former: &Coordinates) -> Coordinates {
        Coordinates {
            faces: self.faces.clone().unwrap_or_else(|| former.faces.clone()),
            custom: self.custom.clone().unwrap_or_else(|| former.custom.clone()),
        }
    }
}

/// `x,y,w,h` joined by `|`, or lists of four numbers.
fn rectangles(params: &Params, name: &str) -> Result<Option<Vec<Rectangle>>, ApiError> {
    let Some(value) = params.get(name) else {
        let is_taken_away = params.names().any(|given| given == name);
        return Ok(is_taken_away.then(Vec::new));
    };
    let read = match value {
        Value::Null => return Ok(None),
        Value::String(text) => text.split('|').filter(|text| !text.is_empty()).map(of_text).collect(),
        // One rectangle may come without the list around it.
        Value::Array(numbers) if numbers.iter().any(Value::is_number) => of_numbers(numbers).map(|one| vec![one]),
        Value::Array(all) => all
            .iter()
            .map(|one| match one {
                Value::Array(numbers) => of_numbers(numbers),
                Value::String(text) => of_text(text),
                _ => None,
            })
            .collect(),
        _ => None,
    };
    let read: Option<Vec<Rectangle>> = read;
    let fits = |all: &Vec<Rectangle>| all.len() <= MOST && all.iter().all(is_fit);
    read.filter(fits).map(Some).ok_or_else(|| invalid_value(name, value))
}

fn is_fit(rectangle: &Rectangle) -> bool {
    let [_, _, width, height] = rectangle;
    *width > 0 && *height > 0 && rectangle.iter().all(|number| *number <= LARGEST)
}

fn of_text(text: &str) -> Option<Rectangle> {
    let numbers: Vec<u32> = text.split(',').map(|number| number.trim().parse().ok()).collect::<Option<_>>()?;
    numbers.try_into().ok()
}

fn of_numbers(numbers: &[Value]) -> Option<Rectangle> {
    let numbers: Vec<u32> = numbers.iter().map(|number| u32::try_from(number.as_u64()?).ok()).collect::<Option<_>>()?;
    numbers.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rectangles_are_read_from_text_and_lists_and_named_when_they_are_none() {
        let change = |params: Params| CoordinatesChange::read(&params);
        let text = change(Params::from_urlencoded("face_coordinates=1,2,3,4|5,6,7,8&custom_coordinates=")).unwrap();
        let lists = change(
            Params::from_json(br#"{"face_coordinates":[[1,2,3,4],[5,6,7,8]],"custom_coordinates":""}"#).unwrap(),
        );
        assert_eq!(text, lists.unwrap());
        let former = Coordinates { faces: vec![[9, 9, 9, 9]], custom: vec![[1, 1, 1, 1]] };
        assert_eq!(
            text.applied_to(&former),
            Coordinates { faces: vec![[1, 2, 3, 4], [5, 6, 7, 8]], custom: Vec::new() }
        );
        assert_eq!(change(Params::new()).unwrap().applied_to(&former), former);
        let one = change(Params::from_json(br#"{"custom_coordinates":[1,2,3,4]}"#).unwrap()).unwrap();
        assert_eq!(one.applied_to(&former).custom, [[1, 2, 3, 4]]);
        for form in [
            "face_coordinates=1,2,3",
            "face_coordinates=1,2,0,4",
            "face_coordinates=-1,2,3,4",
            "custom_coordinates=a,b,c,d",
            "custom_coordinates=1,2,3,9999999",
        ] {
            let name = form.split('=').next().unwrap();
            assert!(change(Params::from_urlencoded(form)).unwrap_err().message().contains(name), "{form}");
        }
        let many = format!("face_coordinates={}", "1,2,3,4|".repeat(MOST + 1));
        assert!(change(Params::from_urlencoded(&many)).is_err());
    }
}

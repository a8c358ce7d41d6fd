//! Passwords of persons: what may be one, and their hashes (argon2id, 19 MiB, two passes).

use argon2::{
    Argon2,
    password_hash::{self, PasswordHasher, PasswordVerifier},
};
use plane_kit::secret::Secret;
use tokio::sync::Semaphore;

/// A password has at least this many characters: long beats intricate, and nothing else is asked of it.
const SHORTEST: usize = 12;
/// A password has at most this many characters. Hashing one takes no longer for it, but reading it does.
const LONGEST: usize = 1024;
/// So many are hashed at once. Each takes 19 MiB and a thread, and whoever holds a link can make the server do it.
const AT_ONCE: usize = 4;

/// Turns at hashing, for the whole process.
static TURNS: Semaphore = Semaphore::const_new(AT_ONCE);

/// Why a password could be neither hashed nor compared.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// The hash function failed, or a stored hash is none.
    #[error("the hash of a password cannot be made or read")]
    Hash(#[from] password_hash::Error),
    /// The process ends.
    #[error("a password was being hashed while the process ended")]
    Stopped,
}

/// Why a text is no password. None of them shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PasswordFlaw {
    /// It has fewer than 12 or more than 1024 characters.
    Length,
    /// It is the person's own address, in any case.
    IsEmail,
    /// It is one character over and over.
    OneCharacter,
}

/// Checks a password that somebody chooses. `email` is the person's address, in any case.
pub(crate) fn check(password: &Secret, email: &str) -> Result<(), PasswordFlaw> {
    let text = password.expose();
    if !(SHORTEST..=LONGEST).contains(&text.chars().count()) {
        return Err(PasswordFlaw::Length);
    }
    if text.to_lowercase() == email.to_lowercase() {
        return Err(PasswordFlaw::IsEmail);
    }
    let mut characters = text.chars();
    let first = characters.next();
    if characters.all(|character| Some(character) == first) { Err(PasswordFlaw::OneCharacter) } else { Ok(()) }
}

/// The hash of a password with a fresh salt, as a PHC string.
pub(crate) async fn hash(password: &Secret) -> Result<String, PasswordError> {
    let password = password.clone();
    let hash = carry_out(move || Argon2::default().hash_password(password.expose().as_bytes())).await??;
    Ok(hash.to_string())
}

/// Whether a password is the one of the hash, whatever parameters that one was made with.
pub(crate) async fn matches(password: &Secret, hash: &str) -> Result<bool, PasswordError> {
    let (password, hash) = (password.clone(), hash.to_owned());
    let compared =
        carry_out(move || Argon2::default().verify_password(password.expose().as_bytes(), hash.as_str())).await?;
    match compared {
        Ok(()) => Ok(true),
        Err(password_hash::Error::PasswordInvalid) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Does the work on a thread that may block, when there is a turn. The turn stays with the work even if nobody waits for it any
/// more, because the memory does too.
async fn carry_out<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, PasswordError> {
    let turn = TURNS.acquire().await.map_err(|_| PasswordError::Stopped)?;
    let done = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        work()
    });
    done.await.map_err(|_| PasswordError::Stopped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_password_is_told() {
        let (ten, long) = ("0123456789", "ab".repeat(LONGEST / 2));
        for (text, expected) in [
            (String::new(), Err(PasswordFlaw::Length)),
            (format!("{ten}1"), Err(PasswordFlaw::Length)),
            (format!("{ten}12"), Ok(())),
            // Characters are counted, not bytes.
            ("äöüäöüäöüäö".to_owned(), Err(PasswordFlaw::Length)),
            ("äöüäöüäöüäöü".to_owned(), Ok(())),
            (long.clone(), Ok(())),
            (format!("{long}a"), Err(PasswordFlaw::Length)),
            ("Ada.Lovelace@Example.com".to_owned(), Err(PasswordFlaw::IsEmail)),
            ("aaaaaaaaaaaa".to_owned(), Err(PasswordFlaw::OneCharacter)),
            ("aaaaaaaaaaab".to_owned(), Ok(())),
        ] {
            assert_eq!(check(&Secret::new(text.as_str()), "ada.lovelace@example.com"), expected, "{text}");
        }
    }

    #[tokio::test]
    async fn a_hash_knows_its_password_and_no_other() {
        let password = Secret::new("correct horse battery");
        let first = hash(&password).await.unwrap();
        assert!(first.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{first}");
        assert_ne!(first, hash(&password).await.unwrap(), "every hash has a salt of its own");
        assert!(matches(&password, &first).await.unwrap());
        assert!(!matches(&Secret::new("correct horse batterz"), &first).await.unwrap());
        assert!(matches(&password, "no hash").await.is_err());
    }
}

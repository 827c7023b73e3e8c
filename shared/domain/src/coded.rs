//! Value sets: enums whose cases have a code of somebody else's making.

/// The text is no code of that value set.
#[derive(Debug, thiserror::Error)]
#[error("unknown code")]
pub struct UnknownCode;

macro_rules! coded {
    ($(#[$doc:meta])* $name:ident { $($(#[$case_doc:meta])* $case:ident = $code:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name {$(
            $(#[$case_doc])*
            #[serde(rename = $code)]
            $case,
        )*}

        impl $name {
            /// Every code, for tables and tests.
            pub const ALL: &'static [Self] = &[$(Self::$case),*];

            /// The code.
            pub const fn as_str(self) -> &'static str {
                match self {$(Self::$case => $code,)*}
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::coded::UnknownCode;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let code = Self::ALL.iter().copied().find(|code| code.as_str() == text);
                code.ok_or($crate::coded::UnknownCode)
            }
        }
    };
}

pub(crate) use coded;

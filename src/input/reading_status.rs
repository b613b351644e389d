//! How far the owner is with a book.

use sea_orm::{DeriveActiveEnum, EnumIter};

/// The databases store it as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub(crate) enum ReadingStatus {
    #[sea_orm(num_value = 1)]
    WantToRead,
    #[sea_orm(num_value = 2)]
    Reading,
    #[sea_orm(num_value = 3)]
    Read,
    #[sea_orm(num_value = 4)]
    DidNotFinish,
}

impl ReadingStatus {
    pub(crate) const ALL: [Self; 4] =
        [Self::WantToRead, Self::Reading, Self::Read, Self::DidNotFinish];
}

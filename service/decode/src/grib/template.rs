//! Where the parts of a product stand in its section (edition 2).

/// The layout of a product template: where the parts after the common one begin, counted from the first byte of the section.
pub(super) struct Template {
    /// By so much all that follows the numbers of the parameter is shifted.
    pub(super) shift: usize,
    pub(super) member: Option<usize>,
    pub(super) derived: Option<usize>,
    pub(super) percentile: Option<usize>,
    pub(super) probability: Option<usize>,
    pub(super) spatial: Option<usize>,
    pub(super) statistic: Option<usize>,
}

impl Template {
    /// That of a number in code table 4.0; `None`: it is not known.
    pub(super) fn of(number: u16) -> Option<Self> {
        let plain = Self {
            shift: 0,
            member: None,
            derived: None,
            percentile: None,
            probability: None,
            spatial: None,
            statistic: None,
        };
        let member = Some(34);
        Some(match number {
            0 | 7 => plain,
            1 | 60 => Self { member, ..plain },
            2 => Self {
                derived: Some(34),
                ..plain
            },
            5 => Self {
                probability: Some(34),
                ..plain
            },
            6 => Self {
                percentile: Some(34),
                ..plain
            },
            8 => Self {
                statistic: Some(34),
                ..plain
            },
            9 => Self {
                probability: Some(34),
                statistic: Some(47),
                ..plain
            },
            10 => Self {
                percentile: Some(34),
                statistic: Some(35),
                ..plain
            },
            11 => Self {
                member,
                statistic: Some(37),
                ..plain
            },
            12 => Self {
                derived: Some(34),
                statistic: Some(36),
                ..plain
            },
            15 => Self {
                spatial: Some(34),
                ..plain
            },
            40 => Self { shift: 2, ..plain },
            41 => Self {
                shift: 2,
                member: Some(36),
                ..plain
            },
            42 => Self {
                shift: 2,
                statistic: Some(36),
                ..plain
            },
            43 => Self {
                shift: 2,
                member: Some(36),
                statistic: Some(39),
                ..plain
            },
            61 => Self {
                member,
                statistic: Some(44),
                ..plain
            },
            _ => return None,
        })
    }
}

//! The planted bugs: each breaks one promise, and the checker meant for it must say so.

/// `meant` lists the checks that must fail, and no other may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bug {
    None,
    /// Now and then two accounts share one position.
    DuplicatePosition,
    /// Now and then the later of two joins stands first.
    SwappedOrder,
    /// Joining again is answered with a place at the end.
    PositionResetOnRejoin,
    /// One fan's polls show a position one too high.
    StatusShowsOtherPosition,
    /// Joining again silently makes a second place.
    RejoinMakesSecondPlace,
    /// A join is acknowledged and not kept.
    LostAcknowledgedJoin,
    /// A place in the export that nobody joined for.
    GhostEntry,
    /// Who came last is let in first.
    LastInFirstOut,
    /// A place is ended and given anew at the end of the line, and nobody asked for it.
    PlaceMovedToTheEnd,
    /// Whoever has a place and joins again is refused for want of room.
    RejoinRefused,
    /// A join is refused and kept all the same.
    RefusedJoinKept,
    /// A hold is refused and kept all the same.
    RefusedHoldKept,
    /// People are called twice as fast as the rate allows, honestly logged.
    DoubleRateDrip,
    /// The same, with a log that denies it.
    DoubleRateDripHidden,
    /// One fan's people ahead rise.
    PeopleAheadRise,
    /// One seat is sold to two people.
    OversellByOne,
    /// An acknowledged order is not in the export.
    LostSale,
    /// Two live holds share a seat.
    SharedHold,
    /// A hold is given to anybody with a session.
    AdmissionNotChecked,
    /// A used admission is good for another hold.
    ReplayedAdmissionAccepted,
    /// An admission is good beyond its deadline.
    ExpiredAdmissionAccepted,
    /// The cap lets one seat too many through.
    CapOffByOne,
    /// The same checkout key makes another answer.
    ForgottenKey,
    /// Captured money is not the price of the tickets.
    MoneyMismatch,
    /// A ticket belongs to somebody who did not buy it.
    ChangedOwner,
    /// A ticket can be handed on.
    TransferAllowed,
    /// The waiting room's counts do not add up.
    Miscounted,
    /// No cap, and every attempt over it is refused for another reason: no promise is seen broken, and none kept.
    CapNeverSaid,
    /// A checkout that is repeated is never answered.
    RepeatNeverAnswered,
    /// A transfer is refused for another reason.
    TransferNeverSaid,
    /// The server never says its counts.
    NoStats,
    /// Near the end the server falls silent, for good.
    SilentAtTheEnd,
    /// A join out of a second tab, while the first one is being answered, makes another place.
    SecondTabMakesPlace,
    /// A join from a new address makes a new place, though the account has one.
    NewAddressNewPlace,
    /// The second sale counts on from where the first one is.
    PositionsGoOnInTheNextSale,
    /// When the next sale opens, polls of the first one show another position.
    NextSaleMovesTheLine,
    /// Each place is in front of the one that was given before it.
    NewestFirst,
    /// An admission is good for any sale.
    AdmissionOfOtherSale,
    /// A place in the middle of the line is kept free for somebody who comes late.
    LateOvertakes,
    /// Who polls most is called first.
    FastPollersFirst,
    /// A hold that is paid twice at once makes two orders.
    DoubleSubmitMakesTwoOrders,
    /// Accounts of one network are not counted together.
    ClusterCapIgnored,
    /// A path with a doubled slash is tidied up, and leads past the check for an admission.
    PathTrickOpens,
    /// An admission is good for whoever brings it.
    StolenAdmissionAccepted,
    /// Seats that were given back stay in a live hold.
    ReleasedHoldStaysLive,
    /// A connection that its client has closed is kept.
    ConnectionsNeverClosed,
    /// Not a bug of promises but a server that says no to everybody.
    RefusesEverything,
}

impl Bug {
    pub(crate) fn meant(self) -> &'static [&'static str] {
        match self {
            Bug::None | Bug::RefusesEverything => &[],
            Bug::CapNeverSaid
            | Bug::RepeatNeverAnswered
            | Bug::TransferNeverSaid
            | Bug::NoStats
            | Bug::SilentAtTheEnd => &[],
            Bug::DuplicatePosition => &["Q2"],
            Bug::SwappedOrder => &["Q1"],
            // A re-join that shows another position breaks both promises at once.
            Bug::PositionResetOnRejoin => &["Q3", "Q6"],
            Bug::StatusShowsOtherPosition | Bug::PlaceMovedToTheEnd => &["Q3"],
            Bug::RejoinMakesSecondPlace | Bug::RejoinRefused => &["Q6"],
            Bug::LostAcknowledgedJoin => &["Q4"],
            Bug::GhostEntry | Bug::RefusedHoldKept => &["Q5"],
            // The place is older than the join that may have made it: whoever joined in between was overtaken.
            Bug::RefusedJoinKept => &["Q1", "Q5"],
            Bug::LastInFirstOut => &["Q7"],
            Bug::DoubleRateDrip | Bug::DoubleRateDripHidden => &["Q8"],
            Bug::PeopleAheadRise => &["Q9"],
            // Whoever bought the seat first holds it for good: the second hold is the first violation.
            Bug::OversellByOne => &["S1", "S3"],
            Bug::LostSale => &["S2"],
            Bug::SharedHold => &["S3"],
            Bug::AdmissionNotChecked | Bug::ReplayedAdmissionAccepted | Bug::ExpiredAdmissionAccepted => &["S4"],
            Bug::CapOffByOne => &["S5"],
            Bug::ForgottenKey => &["S6"],
            Bug::MoneyMismatch => &["S7"],
            Bug::ChangedOwner | Bug::TransferAllowed => &["S8"],
            Bug::Miscounted => &["W1"],
            // Of the scenario that is about it; what else may break with it is not listed.
            Bug::SecondTabMakesPlace => &["R1"],
            Bug::NewAddressNewPlace => &["C1"],
            Bug::ConnectionsNeverClosed => &["C2"],
            Bug::PositionsGoOnInTheNextSale => &["Q2"],
            Bug::AdmissionOfOtherSale => &["B1"],
            Bug::NextSaleMovesTheLine => &["B2"],
            Bug::NewestFirst => &["F1"],
            Bug::LateOvertakes => &["L1"],
            Bug::FastPollersFirst => &["Q7"],
            Bug::DoubleSubmitMakesTwoOrders => &["K2"],
            Bug::ClusterCapIgnored => &["N1"],
            Bug::PathTrickOpens | Bug::StolenAdmissionAccepted => &["D1"],
            Bug::ReleasedHoldStaysLive => &["M1"],
        }
    }
}

//! The query of `GET /recordings`.

use super::Source;
use crate::call::{Direction, Moment};
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::provider::parties::percent_encoded;

/// Parameters of the list. Missing ones keep the API's defaults: the first 20 recordings.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ListQuery {
    /// Number of recordings, from 1 to 200.
    pub limit: Option<u32>,
    /// Number of recordings to skip.
    pub offset: Option<u64>,
    /// Only calls with this direction, in or out.
    pub direction: Option<Direction>,
    /// Only recordings from this source.
    pub source_provider: Option<Source>,
    /// Only calls from this time on.
    pub call_date_from: Option<Moment>,
    /// Only calls up to this time.
    pub call_date_to: Option<Moment>,
    /// Only calls of exactly this customer.
    pub customer_phone: Option<String>,
    /// Only recordings whose `dataId` contains this.
    pub search: Option<String>,
}

impl ListQuery {
    /// Most recordings per page.
    pub const MAX_LIMIT: u32 = 200;

    /// Returns the query without a question mark, with values percent-encoded, in the order of the
    /// documentation.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for a limit out of range, the
    /// direction `internal`, or a time span that ends before it begins.
    pub fn to_query(&self) -> Result<String> {
        self.check()?;
        let parameters = [
            ("limit", self.limit.map(|n| n.to_string())),
            ("offset", self.offset.map(|n| n.to_string())),
            ("direction", self.direction.map(|d| d.name().to_owned())),
            ("sourceProvider", self.source_provider.map(|s| s.name().to_owned())),
            ("callDateFrom", self.call_date_from.map(Moment::to_rfc3339)),
            ("callDateTo", self.call_date_to.map(Moment::to_rfc3339)),
            ("customerPhone", self.customer_phone.clone()),
            ("search", self.search.clone()),
        ];
        let set =
            parameters.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", percent_encoded(&value?))));
        Ok(set.collect::<Vec<_>>().join("&"))
    }

    /// Returns the query of the next page, given the `total` of a response, or `None` after the
    /// last page.
    pub fn next(&self, total: u64) -> Option<Self> {
        let offset = self.offset.unwrap_or(0).saturating_add(u64::from(self.limit.unwrap_or(20)));
        (offset < total).then(|| Self { offset: Some(offset), ..self.clone() })
    }

    fn check(&self) -> Result<()> {
        let refuse = |what: &str, found: String, expected: String| {
            Err(Error::new(ErrorKind::InvalidArgument, Stage::Provider, format!("list query: wrong {what}"))
                .with_mismatch(found, expected))
        };
        if let Some(limit) = self.limit.filter(|limit| !(1..=Self::MAX_LIMIT).contains(limit)) {
            return refuse("limit", limit.to_string(), format!("1 to {}", Self::MAX_LIMIT));
        }
        if self.direction == Some(Direction::Internal) {
            return refuse("direction", Direction::Internal.to_string(), "in or out".to_owned());
        }
        match (self.call_date_from, self.call_date_to) {
            (Some(from), Some(to)) if from.unix_ms() > to.unix_ms() => {
                refuse("callDateTo", to.to_rfc3339(), format!("{} or later", from.to_rfc3339()))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_query_and_a_full_one() {
        let sample = ListQuery { limit: Some(10), direction: Some(Direction::In), ..ListQuery::default() };
        assert_eq!(sample.to_query().unwrap(), "limit=10&direction=in");
        assert_eq!(ListQuery::default().to_query().unwrap(), "");
        let full = ListQuery {
            limit: Some(200),
            offset: Some(400),
            direction: Some(Direction::Out),
            source_provider: Some(Source::Threecx),
            call_date_from: Moment::from_rfc3339("2026-05-20T00:00:00+07:00"),
            call_date_to: Moment::from_rfc3339("2026-05-21T00:00:00+07:00"),
            customer_phone: Some("+66812345678".to_owned()),
            search: Some("a&b=ก".to_owned()),
        };
        assert_eq!(
            full.to_query().unwrap(),
            "limit=200&offset=400&direction=out&sourceProvider=threecx&callDateFrom=2026-05-20T00%3A00%3A00%2B07%3A00\
             &callDateTo=2026-05-21T00%3A00%3A00%2B07%3A00&customerPhone=%2B66812345678&search=a%26b%3D%E0%B8%81"
        );
    }

    #[test]
    fn what_the_api_would_refuse_is_refused_here() {
        for limit in [0, 201] {
            let error = ListQuery { limit: Some(limit), ..ListQuery::default() }.to_query().unwrap_err();
            assert!(error.to_string().ends_with(&format!("wrong limit: found {limit}, expected 1 to 200")), "{error}");
        }
        let internal = ListQuery { direction: Some(Direction::Internal), ..ListQuery::default() };
        assert_eq!(internal.to_query().unwrap_err().kind(), ErrorKind::InvalidArgument);
        let (late, early) = (Moment::from_unix_seconds(2e9), Moment::from_unix_seconds(1e9));
        let turned = ListQuery { call_date_from: late, call_date_to: early, ..ListQuery::default() };
        assert_eq!(turned.to_query().unwrap_err().kind(), ErrorKind::InvalidArgument);
    }

    #[test]
    fn pages_follow_each_other_to_the_last() {
        let mut query = ListQuery { limit: Some(200), ..ListQuery::default() };
        let mut offsets = Vec::new();
        while let Some(next) = query.next(601) {
            offsets.extend(next.offset);
            query = next;
        }
        assert_eq!(offsets, [200, 400, 600]);
        assert_eq!(ListQuery::default().next(20), None);
    }
}

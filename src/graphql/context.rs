//! The context of a request, and the accessors through which resolvers use it.

use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use async_graphql::{Context, ContextBase};

use super::error::{ApiError, Result};
use super::loaders::Loaders;
use super::rate_limit::RateLimitKey;
use super::response_size::ResponseSize;
use super::services::Services;
use crate::auth::Auth;
use crate::auth::identity::{AuthFailure, Identity, Viewer};
use crate::auth::passwords::PasswordHasher;
use crate::auth::refresh_token::RefreshToken;
use crate::client_ip::ClientIp;
use crate::clock::Timestamp;
use crate::config::PublicUrl;
use crate::covers::Covers;
use crate::id::UserId;
use crate::imports::Imports;
use crate::store::Store;
use crate::store::scans::OperationScans;

/// How many books of a library a scan reads for one cost unit.
const BOOKS_PER_COST_UNIT: u64 = 1_000;

/// How many words of a search are searched for the same cost.
const WORDS_PER_COST_UNIT: usize = 20;

/// The context of one request. Its loaders live as long as the request, so viewers share no data.
#[derive(Debug)]
pub(crate) struct RequestContext {
    services: Arc<Services>,
    identity: Identity,
    loaders: Loaders,
    scans: OperationScans,
    client: Arc<ClientInfo>,
    /// Cost of the operation, in cost units.
    cost: u64,
    request_id: Arc<str>,
    response_size: Arc<ResponseSize>,
}

/// The URL that links in a response begin with, without a slash at its end.
pub(crate) type BaseUrl = LazyLock<PublicUrl, Box<dyn FnOnce() -> PublicUrl + Send>>;

/// The client that sent the request.
#[derive(Debug)]
pub(crate) struct ClientInfo {
    /// Its IP address.
    pub(crate) address: ClientIp,
    /// Its `User-Agent` header.
    pub(crate) user_agent: Option<String>,
    /// Whether it receives its refresh tokens in a cookie.
    pub(crate) cookie_mode: bool,
    /// The refresh token from its cookie.
    pub(crate) cookie: Option<RefreshToken>,
    /// Whether responses report the cost of the operation.
    pub(crate) wants_cost_report: bool,
    /// The URL of the server as the client knows it.
    base_url: BaseUrl,
    /// How the response changes its cookie.
    change: Mutex<Option<CookieUpdate>>,
}

/// How a response changes the cookie with the refresh token.
#[derive(Clone, Debug)]
pub(crate) enum CookieUpdate {
    Set { token: RefreshToken, expires_at: Timestamp },
    Clear,
}

impl ClientInfo {
    /// A client of which only the IP address and the URL of its requests are known.
    pub(crate) fn new(address: ClientIp, base_url: BaseUrl) -> Self {
        Self {
            address,
            user_agent: None,
            cookie_mode: false,
            cookie: None,
            wants_cost_report: false,
            base_url,
            change: Mutex::default(),
        }
    }

    pub(super) fn change_cookie(&self, change: CookieUpdate) {
        *self.change.lock().unwrap_or_else(PoisonError::into_inner) = Some(change);
    }

    /// Takes the change of the cookie. To be called when the response is complete.
    pub(crate) fn cookie_change(&self) -> Option<CookieUpdate> {
        self.change.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl RequestContext {
    pub(crate) fn new(
        services: Arc<Services>,
        identity: Identity,
        client: Arc<ClientInfo>,
        request_id: Arc<str>,
        cost: u64,
        response_size: Arc<ResponseSize>,
    ) -> Self {
        let loaders = Loaders::new(Arc::clone(&services), Arc::clone(&response_size.read));
        let scans = services.store.scans().for_operation();
        Self { services, identity, loaders, scans, client, cost, request_id, response_size }
    }
}

/// The accessors. Resolvers use these and never read context data by its type.
pub(super) trait ContextExt<'a> {
    /// The viewer; an error if the client is not authenticated.
    fn viewer(&self) -> Result<Viewer>;
    fn identity(&self) -> Identity;
    fn store(&self) -> &'a Store;
    fn auth(&self) -> &'a Auth;
    /// Processes images, and stores the files of covers.
    fn covers(&self) -> &'a Covers;
    fn imports(&self) -> &'a Imports;
    fn loaders(&self) -> &'a Loaders;
    /// Counts the bytes of the response.
    fn response_size(&self) -> &'a ResponseSize;
    /// The scans of this operation.
    fn scans(&self) -> &'a OperationScans;
    fn client(&self) -> &'a ClientInfo;
    /// The URL that links begin with, without a slash at its end.
    fn base_url(&self) -> &'a str;
    /// Hashes and verifies passwords.
    fn passwords(&self) -> PasswordHasher<'a>;
    /// Identifies the request in log lines.
    fn request_id(&self) -> &'a str;
    /// Waits until the rate limit allows another response of this operation, and charges for it.
    async fn charge_event(&self);
    /// Charges for a refresh token that was not valid. An error if the rate limit is exceeded.
    fn charge_failed_refresh(&self) -> Result<()>;
    /// Charges for a look whether a name or an address is taken. An error if the rate limit is exceeded.
    fn charge_name_check(&self) -> Result<()>;
    /// Charges for a scan of this user's library that searches for this many words: one unit per 1,000 books, at least
    /// one, for each 20 words. To be called before the scan. An error if the rate limit is exceeded.
    async fn charge_scan(&self, owner: UserId, words: usize) -> Result<()>;
    /// The current time.
    fn now(&self) -> Timestamp;
    /// A new, unique id.
    fn new_id<Id: From<uuid::Uuid>>(&self) -> Id;
}

impl<'a> ContextExt<'a> for Context<'a> {
    fn viewer(&self) -> Result<Viewer> {
        match self.identity() {
            Identity::User(viewer) => Ok(viewer),
            Identity::Anonymous => Err(ApiError::Unauthenticated(AuthFailure::TokenMissing)),
            Identity::Invalid(rejection) => Err(ApiError::Unauthenticated(rejection)),
        }
    }

    fn identity(&self) -> Identity {
        request(self).identity
    }

    fn store(&self) -> &'a Store {
        &request(self).services.store
    }

    fn auth(&self) -> &'a Auth {
        &request(self).services.auth
    }

    fn covers(&self) -> &'a Covers {
        &request(self).services.covers
    }

    fn imports(&self) -> &'a Imports {
        &request(self).services.imports
    }

    fn loaders(&self) -> &'a Loaders {
        loaders(self)
    }

    fn response_size(&self) -> &'a ResponseSize {
        response_size(self)
    }

    fn scans(&self) -> &'a OperationScans {
        &request(self).scans
    }

    fn client(&self) -> &'a ClientInfo {
        &request(self).client
    }

    fn base_url(&self) -> &'a str {
        self.client().base_url.as_str()
    }

    fn passwords(&self) -> PasswordHasher<'a> {
        self.auth().passwords.for_client(self.client().address.network())
    }

    fn request_id(&self) -> &'a str {
        &request(self).request_id
    }

    async fn charge_event(&self) {
        let RequestContext { services, identity, client, cost, .. } = request(self);
        let payer = RateLimitKey::for_client(*identity, client.address);
        while let Err(exceeded) = services.rates.charge_more(*cost, payer) {
            services.clock.sleep(exceeded.retry_after).await;
        }
    }

    fn charge_failed_refresh(&self) -> Result<()> {
        let RequestContext { services, client, .. } = request(self);
        Ok(services.rates.charge_failed_refresh(client.address.network())?)
    }

    fn charge_name_check(&self) -> Result<()> {
        let RequestContext { services, client, .. } = request(self);
        Ok(services.rates.charge_name_check(client.address.network())?)
    }

    async fn charge_scan(&self, owner: UserId, words: usize) -> Result<()> {
        let RequestContext { services, identity, client, .. } = request(self);
        if !services.rates.is_on() {
            return Ok(());
        }
        let books = services.store.book_count(owner).await?;
        let factor = words.div_ceil(WORDS_PER_COST_UNIT).max(1) as u64;
        let units = (books / BOOKS_PER_COST_UNIT).max(1) * factor;
        let payer = RateLimitKey::for_client(*identity, client.address);
        Ok(services.rates.charge_more(units, payer)?)
    }

    fn now(&self) -> Timestamp {
        request(self).services.clock.now()
    }

    fn new_id<Id: From<uuid::Uuid>>(&self) -> Id {
        request(self).services.ids.next()
    }
}

/// The loaders of the request.
pub(super) fn loaders<'a, T>(ctx: &ContextBase<'a, T>) -> &'a Loaders {
    &request(ctx).loaders
}

/// Counts the bytes of the response.
pub(super) fn response_size<'a, T>(ctx: &ContextBase<'a, T>) -> &'a ResponseSize {
    &request(ctx).response_size
}

#[expect(
    clippy::disallowed_methods,
    reason = "the accessors read the context here; every request has one"
)]
fn request<'a, T>(ctx: &ContextBase<'a, T>) -> &'a RequestContext {
    ctx.data_unchecked::<RequestContext>()
}

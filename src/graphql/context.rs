//! What a request carries, and the doors through which resolvers reach it.

use std::sync::{Arc, Mutex, PoisonError};

use async_graphql::Context;

use super::Services;
use super::error::{ApiError, Result};
use super::loaders::Loaders;
use super::rate_limit::RateLimitKey;
use crate::auth::Auth;
use crate::auth::identity::{AuthFailure, Identity, Viewer};
use crate::auth::passwords::PasswordHasher;
use crate::auth::refresh_token::RefreshToken;
use crate::client_ip::ClientIp;
use crate::clock::Timestamp;
use crate::store::Store;

/// One request. Its loaders live as long as it does, so nothing is shared between two viewers.
#[derive(Debug)]
pub(crate) struct RequestContext {
    services: Arc<Services>,
    identity: Identity,
    loaders: Loaders,
    client: Arc<ClientInfo>,
    /// What the operation costs.
    cost: u64,
    request_id: Arc<str>,
}

/// The program that sent the request.
#[derive(Debug)]
pub(crate) struct ClientInfo {
    /// Where it is.
    pub(crate) address: ClientIp,
    /// What it calls itself.
    pub(crate) user_agent: Option<String>,
    /// Whether its refresh tokens travel in a cookie.
    pub(crate) cookie_mode: bool,
    /// The refresh token in its cookie.
    pub(crate) cookie: Option<RefreshToken>,
    /// Whether it wants to know what its operations cost.
    pub(crate) wants_cost_report: bool,
    /// What the answer does to its cookie.
    change: Mutex<Option<CookieUpdate>>,
}

/// What an answer does to the cookie with the refresh token.
#[derive(Clone, Debug)]
pub(crate) enum CookieUpdate {
    Set { token: RefreshToken, expires_at: Timestamp },
    Clear,
}

impl ClientInfo {
    /// A program of which nothing is known but where it is.
    pub(crate) fn at(address: ClientIp) -> Self {
        Self {
            address,
            user_agent: None,
            cookie_mode: false,
            cookie: None,
            wants_cost_report: false,
            change: Mutex::default(),
        }
    }

    pub(super) fn change_cookie(&self, change: CookieUpdate) {
        *self.change.lock().unwrap_or_else(PoisonError::into_inner) = Some(change);
    }

    /// What the answer does to the cookie, to be asked once it is complete.
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
    ) -> Self {
        let loaders = Loaders::new(Arc::clone(&services));
        Self { services, identity, loaders, client, cost, request_id }
    }
}

/// The doors. Resolvers use these and never ask the context for data by its type.
pub(super) trait ContextExt<'a> {
    /// Who is calling; an error where nobody is signed in.
    fn viewer(&self) -> Result<Viewer>;
    fn identity(&self) -> Identity;
    fn store(&self) -> &'a Store;
    fn auth(&self) -> &'a Auth;
    fn loaders(&self) -> &'a Loaders;
    fn client(&self) -> &'a ClientInfo;
    /// Hashes and verifies passwords.
    fn passwords(&self) -> PasswordHasher<'a>;
    /// Names the request in log lines.
    fn request_id(&self) -> &'a str;
    /// Waits until the caller may have one more answer to this operation, and charges for it.
    async fn charge_event(&self);
    /// The present instant.
    fn now(&self) -> Timestamp;
    /// An identifier that nobody has yet.
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

    fn loaders(&self) -> &'a Loaders {
        &request(self).loaders
    }

    fn client(&self) -> &'a ClientInfo {
        &request(self).client
    }

    fn passwords(&self) -> PasswordHasher<'a> {
        self.auth().passwords.for_client(self.client().address.network())
    }

    fn request_id(&self) -> &'a str {
        &request(self).request_id
    }

    async fn charge_event(&self) {
        let RequestContext { services, identity, client, cost, .. } = request(self);
        let payer = RateLimitKey::of(*identity, client.address);
        while let Err(exceeded) = services.rates.charge_event(*cost, payer) {
            services.clock.sleep(exceeded.wait).await;
        }
    }

    fn now(&self) -> Timestamp {
        request(self).services.clock.now()
    }

    fn new_id<Id: From<uuid::Uuid>>(&self) -> Id {
        request(self).services.ids.next()
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is what the doors lead to; every request has one"
)]
fn request<'a>(ctx: &Context<'a>) -> &'a RequestContext {
    ctx.data_unchecked::<RequestContext>()
}

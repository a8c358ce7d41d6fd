//! The witness of access.
//!
//! A handler receives what it works with only inside [`Allow`] or [`Public`], and both are made only here, while a request is
//! being admitted. Who forgets to ask has nothing in his hands; who wants to let everybody in has to name a reason.

use std::{cell::Cell, future::Future, marker::PhantomData, pin::Pin, rc::Rc};

use actix_web::{FromRequest, HttpMessage, HttpRequest, dev::Payload};

use crate::error::ApiError;

/// Something a principal may be allowed to do. One empty type per permission.
pub trait Permission: 'static {
    /// Who decides, and what the caller is granted.
    type Gate: Gate;
    /// The name that descriptions, refusals and the access matrix use, as in `assets:read`.
    const NAME: &'static str;
}

/// The door of a plane: it authenticates, asks the policy and hands over what the caller may work with.
pub trait Gate: Sized + 'static {
    /// What an admitted caller gets. Stores are made from it.
    type Grant: 'static;

    /// Decides. `permission` is the name asked for; the route template is on the request.
    fn admit(
        request: HttpRequest,
        permission: &'static str,
    ) -> Pin<Box<dyn Future<Output = Result<Self::Grant, ApiError>>>>;
}

/// Why a route is open to everybody. One empty type per reason.
pub trait Reason: 'static {
    /// Short name, shown in the access matrix.
    const NAME: &'static str;
    /// The reason itself, a sentence.
    const WHY: &'static str;
}

/// The proof that the caller may do `P` here.
pub struct Allow<P: Permission> {
    grant: <P::Gate as Gate>::Grant,
    permission: PhantomData<P>,
}

impl<P: Permission> Allow<P> {
    /// What was granted.
    pub fn grant(&self) -> &<P::Gate as Gate>::Grant {
        &self.grant
    }

    /// Takes the grant out.
    pub fn into_grant(self) -> <P::Gate as Gate>::Grant {
        self.grant
    }
}

impl<P: Permission> FromRequest for Allow<P> {
    type Error = actix_web::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Self::Error>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            Decision::record(&request, P::NAME);
            let grant = P::Gate::admit(request, P::NAME).await?;
            Ok(Self { grant, permission: PhantomData })
        })
    }
}

/// The statement that everybody may call this, for the reason `R`.
pub struct Public<R: Reason>(PhantomData<R>);

impl<R: Reason> FromRequest for Public<R> {
    type Error = actix_web::Error;
    type Future = std::future::Ready<Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        Decision::record(request, R::NAME);
        std::future::ready(Ok(Self(PhantomData)))
    }
}

/// What a route asks of its caller; feeds the descriptions, the access matrix and the attack test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// The caller needs this permission.
    Permission(&'static str),
    /// Open, for a named reason.
    Public {
        /// Short name of the reason.
        reason: &'static str,
        /// The reason.
        why: &'static str,
    },
}

/// The arguments of a handler that begin with a witness.
#[diagnostic::on_unimplemented(
    message = "this handler does not prove access: its first argument must be `Allow<Permission>` or `Public<Reason>`",
    label = "no access witness as first argument",
    note = "see plane_kit::http::access"
)]
pub trait Guarded {
    /// What the witness asks for.
    const ACCESS: Access;
}

macro_rules! guarded {
    ($($rest:ident)*) => {
        impl<P: Permission, $($rest),*> Guarded for (Allow<P>, $($rest,)*) {
            const ACCESS: Access = Access::Permission(P::NAME);
        }
        impl<R: Reason, $($rest),*> Guarded for (Public<R>, $($rest,)*) {
            const ACCESS: Access = Access::Public { reason: R::NAME, why: R::WHY };
        }
    };
}

guarded!();
guarded!(A);
guarded!(A B);
guarded!(A B C);
guarded!(A B C D);
guarded!(A B C D E);

/// The mark that somebody decided about this request, and by what. The edge refuses an answer without it.
#[derive(Clone, Default)]
pub(crate) struct Decision(Rc<Cell<Option<&'static str>>>);

impl Decision {
    fn record(request: &HttpRequest, by: &'static str) {
        if let Some(decision) = request.extensions().get::<Self>() {
            decision.0.set(Some(by));
        }
    }

    /// The permission or reason that the request was decided by, if it was decided.
    pub(crate) fn by(&self) -> Option<&'static str> {
        self.0.get()
    }
}

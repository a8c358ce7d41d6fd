//! Routes: the only way to put a handler on the wire.
//!
//! A handler is added together with the description that `#[utoipa::path]` made of it, and only if its arguments begin with
//! an access witness. Method, path and operation id are therefore written once, and the same entry feeds the router, the
//! OpenAPI document with its `x-permission`, the access matrix and the attack test.

use std::{
    collections::BTreeSet,
    future::{Future, ready},
    rc::Rc,
    sync::Arc,
};

use actix_service::{Service, ServiceFactory, fn_factory, fn_service};
use actix_web::{
    FromRequest, Handler, HttpMessage, HttpRequest, HttpResponse, Responder, Route,
    dev::{ResourceDef, ServiceRequest, ServiceResponse},
    guard::{self, Guard, GuardContext},
    http::{Method, header},
    web,
};
use serde_json::json;
use utoipa::{
    __dev::{SchemaReferences, Tags},
    openapi::{
        Components, ContentBuilder, HttpMethod, Info, OpenApi, OpenApiBuilder, PathsBuilder, RefOr, ResponseBuilder,
        extensions::ExtensionsBuilder,
        path::{Operation, PathItem},
        schema::Ref,
        security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme},
    },
};

use super::{
    access::{Access, Guarded},
    path,
};
use crate::operations::{self as table, operations};

/// Path parameters that take the rest of the path, slashes included, when they stand last.
const TAIL_PARAMETERS: [&str; 3] = ["public_id", "folder_path", "transformation"];

/// The schema of the permissions' errors.
const PERMISSIONS_ENVELOPE: &str = "PermissionsErrorEnvelope";

/// One operation as the tables and tests see it.
#[derive(Debug, Clone)]
pub struct RouteInfo {
    /// The operation id, which is the handler's name.
    pub operation_id: String,
    /// HTTP methods, upper case.
    pub methods: Vec<String>,
    /// The path template of the description.
    pub path: String,
    /// What is asked of the caller.
    pub access: Access,
    /// The row of the table of operations; none for deliveries and for what a process says of itself.
    pub operation: Option<&'static table::Operation>,
}

/// The operation that a request was routed to.
#[derive(Clone, Copy)]
struct Routed(&'static table::Operation);

/// The operation that a request was routed to, if its route is one of the table.
pub fn operation_of(request: &HttpRequest) -> Option<&'static table::Operation> {
    request.extensions().get::<Routed>().map(|routed| routed.0)
}

/// First pieces that are scopes of their own. The router compares a scope's first piece before it looks at any pattern in it, so a
/// delivery URL is never held against the patterns of the APIs.
const SCOPES: [&str; 3] = ["/v1_1", "/v2", "/internal"];

/// The path that takes every request that nothing else takes. It is given no pattern: there is nothing to hold against one.
const EVERYTHING: &str = "/{delivery_path}";

/// Makes a route. Each HTTP worker has its own.
type MakeRoute = Arc<dyn Fn() -> Route + Send + Sync>;
type Schemas = Vec<(String, RefOr<utoipa::openapi::schema::Schema>)>;

struct Entry {
    info: RouteInfo,
    methods: Vec<HttpMethod>,
    operation: Operation,
    described: bool,
    schemas: Schemas,
    route: MakeRoute,
}

/// A set of operations.
#[derive(Default)]
pub struct Routes {
    entries: Vec<Entry>,
}

impl Routes {
    /// An empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a handler with its description `D`. Does not compile for a handler without an access witness.
    pub fn add<D, F, Args>(&mut self, handler: F)
    where
        D: utoipa::Path + SchemaReferences + for<'t> Tags<'t>,
        F: Handler<Args> + Send + Sync,
        Args: Guarded + FromRequest + 'static,
        F::Future: Future,
        F::Output: Responder + 'static,
    {
        let mut operation = D::operation();
        // utoipa keeps tags beside the operation and joins them only in its own derive of a document.
        operation.tags = Some(D::tags().into_iter().map(str::to_owned).collect());
        let methods = D::methods();
        let path = D::path();
        let mut schemas = Vec::new();
        D::schemas(&mut schemas);
        let info = RouteInfo {
            operation_id: operation.operation_id.clone().unwrap_or_default(),
            methods: methods.iter().map(|method| method_name(method).to_string()).collect(),
            path: path.clone(),
            access: Args::ACCESS,
            operation: methods.first().and_then(|method| operations().of_route(method_name(method).as_str(), &path)),
        };
        let route = route_maker(methods.iter().map(method_name).collect(), info.operation, handler);
        self.entries.push(Entry { info, methods, operation, described: true, schemas, route });
    }

    /// Adds a handler under a second spelling of an operation that is already described. It stays out of the descriptions.
    pub fn add_spelling<F, Args>(&mut self, operation_id: &str, method: Method, path: &str, handler: F)
    where
        F: Handler<Args> + Send + Sync,
        Args: Guarded + FromRequest + 'static,
        F::Future: Future,
        F::Output: Responder + 'static,
    {
        let info = RouteInfo {
            operation_id: operation_id.to_owned(),
            methods: vec![method.to_string()],
            path: path.to_owned(),
            access: Args::ACCESS,
            operation: operations().of_route(method.as_str(), path),
        };
        let route = route_maker(vec![method], info.operation, handler);
        self.entries.push(Entry {
            info,
            methods: Vec::new(),
            operation: Operation::default(),
            described: false,
            schemas: Vec::new(),
            route,
        });
    }

    /// Adds all operations of another set, after the present ones.
    pub fn merge(&mut self, other: Self) {
        self.entries.extend(other.entries);
    }

    /// The same operations without what only their descriptions need, which takes more memory than all the rest.
    pub fn without_descriptions(mut self) -> Self {
        for entry in &mut self.entries {
            entry.operation = Operation::default();
            entry.schemas = Schemas::new();
        }
        self
    }

    /// Registers everything with the router, in the order of addition, the scopes first. Called once per HTTP worker.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that adds routes")]
    pub fn configure(&self, config: &mut web::ServiceConfig) {
        for scope in SCOPES {
            let mut service = web::scope(scope);
            let mut known = Vec::new();
            for entry in self.entries_of(Some(scope)) {
                let pattern = actix_pattern(in_scope(&entry.info.path).1);
                service = service.route(&pattern, (entry.route)());
                known.push((ResourceDef::new(pattern), entry.info.methods.clone()));
            }
            if !known.is_empty() {
                let known = Rc::new(known);
                let refused = fn_service(move |request| ready(Ok(nothing_there(request, &known))));
                config.service(service.default_service(refused));
            }
        }
        let (everything, others): (Vec<_>, Vec<_>) =
            self.entries_of(None).partition(|entry| entry.info.path == EVERYTHING);
        for entry in others {
            config.route(&actix_pattern(&entry.info.path), (entry.route)());
        }
        if !everything.is_empty() {
            let routes: Vec<MakeRoute> = everything.into_iter().map(|entry| Arc::clone(&entry.route)).collect();
            config.default_service(fn_factory(move || first_of(routes.iter().map(|route| route()).collect())));
        }
    }

    fn entries_of(&self, scope: Option<&'static str>) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |entry| in_scope(&entry.info.path).0 == scope)
    }

    /// The operations, for tables and tests.
    pub fn infos(&self) -> impl Iterator<Item = &RouteInfo> {
        self.entries.iter().map(|entry| &entry.info)
    }

    /// The OpenAPI document of the described operations.
    pub fn openapi(&self, info: Info) -> OpenApi {
        let mut components = Components::new();
        components.add_security_scheme("basic", SecurityScheme::Http(Http::new(HttpAuthScheme::Basic)));
        let mut paths = PathsBuilder::new();
        for entry in self.entries.iter().filter(|entry| entry.described) {
            for (name, schema) in &entry.schemas {
                components.schemas.insert(name.clone(), schema.clone());
            }
            paths = paths.path(&entry.info.path, path_item(entry));
        }
        let mut schemas = Vec::new();
        <crate::error::ErrorEnvelope as utoipa::ToSchema>::schemas(&mut schemas);
        schemas.push(("ErrorEnvelope".to_owned(), <crate::error::ErrorEnvelope as utoipa::PartialSchema>::schema()));
        if self.entries.iter().any(|entry| path::is_of_permissions(&entry.info.path)) {
            use crate::error::PermissionsErrorEnvelope as Envelope;
            <Envelope as utoipa::ToSchema>::schemas(&mut schemas);
            schemas.push((PERMISSIONS_ENVELOPE.to_owned(), <Envelope as utoipa::PartialSchema>::schema()));
        }
        components.schemas.extend(schemas);
        OpenApiBuilder::new().info(info).paths(paths.build()).components(Some(components)).build()
    }
}

/// The operation under each of its methods. An id is unique, so all but the first method stand in theirs.
fn path_item(entry: &Entry) -> PathItem {
    let mut item = PathItem::default();
    for (at, method) in entry.methods.iter().enumerate() {
        let mut operation = describe(entry);
        if at > 0 {
            let suffix = method_name(method).as_str().to_ascii_lowercase();
            operation.operation_id = operation.operation_id.map(|id| format!("{id}_{suffix}"));
        }
        item.merge_operations(PathItem::new(method.clone(), operation));
    }
    item
}

/// Adds what every operation has in common: the permission, the security scheme and the error answers.
fn describe(entry: &Entry) -> Operation {
    let mut operation = entry.operation.clone();
    let (permission, statuses): (_, &[(&str, &str)]) = match entry.info.access {
        Access::Permission(name) => {
            operation.security = Some(vec![SecurityRequirement::new("basic", Vec::<String>::new())]);
            let statuses = &[
                ("400", "Malformed or not built; the text names the offending part"),
                ("401", "Unknown, disabled or wrong credentials"),
                ("403", "The caller has no permission for this"),
                ("420", "The hourly quota is used up"),
                (
                    "429",
                    "Too many calls, or too many failed attempts from this address; `Retry-After` says when to come back",
                ),
            ];
            (json!(name), statuses)
        }
        Access::Public { reason, why } => (
            json!({"public": reason, "why": why}),
            &[("400", "Malformed or not built; the text names the offending part")],
        ),
    };
    operation.extensions = Some(ExtensionsBuilder::new().add("x-permission", permission).build());
    for (status, description) in statuses {
        if operation.responses.responses.contains_key(*status) {
            continue;
        }
        let envelope = if path::is_of_permissions(&entry.info.path) { PERMISSIONS_ENVELOPE } else { "ErrorEnvelope" };
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(envelope))).build();
        let response = ResponseBuilder::new().description(*description).content("application/json", content).build();
        operation.responses.responses.insert((*status).to_owned(), RefOr::T(response));
    }
    operation
}

/// The answer where no route took a request: 405 with the methods that are taken there, or 404 if there are none. No witness
/// decided about it, so the edge puts the error in its envelope.
fn nothing_there(request: ServiceRequest, known: &[(ResourceDef, Vec<String>)]) -> ServiceResponse {
    let path = request.match_info().unprocessed();
    let taken = known.iter().filter(|(pattern, _)| pattern.is_match(path)).flat_map(|(_, methods)| methods);
    let methods: BTreeSet<&str> = taken.map(String::as_str).collect();
    let response = if methods.is_empty() {
        HttpResponse::NotFound().finish()
    } else {
        let allowed = methods.into_iter().collect::<Vec<_>>().join(", ");
        HttpResponse::MethodNotAllowed().insert_header((header::ALLOW, allowed)).finish()
    };
    request.into_response(response)
}

/// A service that gives each request to the first route whose guards let it pass.
async fn first_of(
    routes: Vec<Route>,
) -> Result<impl Service<ServiceRequest, Response = ServiceResponse, Error = actix_web::Error>, ()> {
    let services = Rc::new(futures::future::try_join_all(routes.iter().map(|route| route.new_service(()))).await?);
    Ok(fn_service(move |mut request: ServiceRequest| {
        let taken = services.iter().find(|route| route.check(&mut request));
        match taken {
            Some(route) => route.call(request),
            None => Box::pin(ready(Ok(nothing_there(request, &[])))),
        }
    }))
}

fn route_maker<F, Args>(methods: Vec<Method>, operation: Option<&'static table::Operation>, handler: F) -> MakeRoute
where
    F: Handler<Args> + Send + Sync,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    Arc::new(move || {
        let route = match methods.as_slice() {
            [method] => web::method(method.clone()),
            several => web::route().guard(any_of(several)),
        };
        route.guard(marked(operation)).to(handler.clone())
    })
}

/// Not a guard at all: it stands behind the guard of the method, so it runs when the route is taken, and notes which one that was.
/// Asking the router afterwards would hold the path against every pattern once more.
fn marked(operation: Option<&'static table::Operation>) -> impl Guard {
    guard::fn_guard(move |context: &GuardContext<'_>| {
        if let Some(operation) = operation {
            context.req_data_mut().insert(Routed(operation));
        }
        true
    })
}

fn any_of(methods: &[Method]) -> impl Guard + use<> {
    let methods = methods.to_vec();
    guard::fn_guard(move |context| methods.contains(&context.head().method))
}

fn method_name(method: &HttpMethod) -> Method {
    match method {
        HttpMethod::Get => Method::GET,
        HttpMethod::Post => Method::POST,
        HttpMethod::Put => Method::PUT,
        HttpMethod::Delete => Method::DELETE,
        HttpMethod::Options => Method::OPTIONS,
        HttpMethod::Head => Method::HEAD,
        HttpMethod::Patch => Method::PATCH,
        HttpMethod::Trace => Method::TRACE,
    }
}

/// The scope that a path belongs to, and what is left of the path in it.
fn in_scope(path: &str) -> (Option<&'static str>, &str) {
    let scoped = |scope: &'static str| {
        let rest = path.strip_prefix(scope)?;
        rest.starts_with('/').then_some((Some(scope), rest))
    };
    SCOPES.into_iter().find_map(scoped).unwrap_or((None, path))
}

/// Turns a description's path into the router's pattern: a parameter of [`TAIL_PARAMETERS`] that stands last takes slashes too.
fn actix_pattern(path: &str) -> String {
    for tail in TAIL_PARAMETERS {
        if let Some(head) = path.strip_suffix(&format!("{{{tail}}}")) {
            return format!("{head}{{{tail}:.+}}");
        }
    }
    path.to_owned()
}

/// Adds handlers that stand in the present module to a [`Routes`]: `routes!(routes; list_images, upload)`.
#[macro_export]
macro_rules! routes {
    ($routes:expr; $($handler:ident),* $(,)?) => {
        $crate::pastey::paste! {
            $($routes.add::<[<__path_ $handler>], _, _>($handler);)*
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tail_parameters_take_slashes_only_at_the_end() {
        assert_eq!(
            actix_pattern("/v1_1/{cloud_name}/folders/{folder_path}"),
            "/v1_1/{cloud_name}/folders/{folder_path:.+}"
        );
        assert_eq!(actix_pattern("/a/{public_id}/b"), "/a/{public_id}/b");
    }

    #[test]
    fn paths_of_the_apis_are_scoped_and_others_are_not() {
        assert_eq!(in_scope("/v1_1/{cloud_name}/ping"), (Some("/v1_1"), "/{cloud_name}/ping"));
        assert_eq!(in_scope("/v1_10/x"), (None, "/v1_10/x"));
        assert_eq!(in_scope("/{delivery_path}"), (None, "/{delivery_path}"));
    }
}

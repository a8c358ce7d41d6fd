//! A data plane: one region's uploads, storage, transformations, delivery and counting.
//!
//! It knows its tenants by the snapshots that came down the seam and goes on serving them when the control plane is away. Start
//! reading at [`delivery`] and [`upload`]; [`metering`] is where everything is counted.

pub mod access;
pub mod admin;
pub mod admin_quota;
pub mod analyses;
pub mod assets;
pub mod audit;
pub mod carrier;
pub mod config;
pub mod delivery;
pub mod eager;
pub mod folders;
pub mod generations;
pub mod jobs;
pub mod mappings;
pub mod media;
pub mod metadata;
pub mod metering;
pub mod notifications;
pub mod outbound;
pub mod permitted;
pub mod presets;
pub mod render;
pub mod samples;
pub mod storage;
pub mod streaming;
pub mod sweeper;
pub mod tables;
pub mod tenants;
pub mod transformations;
pub mod upload;
pub mod views;

use std::{path::Path, sync::Arc, time::Duration};

use actix_web::{http::Method, web};
use chrono::TimeDelta;
use plane_kit::{
    clock::Clock,
    database::Database,
    error::ApiError,
    http::{gaps, rate::FailedAttempts, routes::Routes},
    ids::EnvironmentId,
    policy::Policies,
    seal::SealingKey,
    seam::{ControlLink, snapshot::TrustedKey},
    telemetry::metrics::Metrics,
    usage::UsageSummary,
};
use tokio::{sync::watch, task::JoinHandle};

use admin_quota::AdminQuota;
use audit::calls::Calls;
use carrier::Carrier;
use config::{DeliveryConfig, MeteringConfig, RegionConfig, StorageConfig, UploadConfig};
use delivery::{
    fetched::Fetches, locate::Located, make::Renditions, measure::Measures, originals::SourceRoom, prepare::Plans,
};
use jobs::{Wakers, runner::Runner};
use media::probe::{MediaConfig, MediaProbe};
use metering::{
    counters::Counters,
    shipper::{Shipper, stopped},
};
use notifications::{NotificationsConfig, poll::PollWaits};
use outbound::{Outbound, OutboundConfig, SystemNames};
use render::{WorkerCommand, flavours::Renderers};
use storage::{ObjectKey, Storage};
use tenants::Tenants;
use transformations::{
    allowed::Allowed,
    definitions::Definitions,
    uses::{self, Uses},
};
use upload::{stage::Scratch, trust::TrustedFiles};
use views::Links;

/// Operations of the Upload and Admin APIs that are not built yet.
pub const GAPS: &str = include_str!("../../openapi/gaps/data-plane.txt");

/// How many environments' usage is remembered for when the control plane is away.
const USAGE_KEPT: u64 = 10_000;

/// How many uploads in chunks are put together at once.
const ASSEMBLIES: usize = 4;

/// Settings of the rooms of a data plane.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Which region this is.
    pub region: RegionConfig,
    /// Where objects are kept.
    pub storage: StorageConfig,
    /// How renditions leave.
    pub delivery: DeliveryConfig,
    /// How uploads are taken.
    pub uploads: UploadConfig,
    /// What is reached outside.
    pub outbound: OutboundConfig,
    /// How jobs are carried out.
    pub jobs: jobs::JobsConfig,
    /// How notifications are sent.
    pub notifications: NotificationsConfig,
    /// How usage is summed.
    pub metering: MeteringConfig,
    /// How pictures are made.
    pub render: render::RenderConfig,
    /// How sound and moving pictures are looked into.
    pub media: MediaConfig,
}

/// What a data plane is opened with.
pub struct Opening<'a> {
    /// Settings; `delivery.public_url` must be set.
    pub settings: Settings,
    /// The data folder of the node, locked by this process.
    pub data: &'a Path,
    /// The regional database, migrated.
    pub database: Database,
    /// The carrier of the seam.
    pub link: Arc<dyn ControlLink>,
    /// The region's sealing key.
    pub region_key: SealingKey,
    /// The control plane's key.
    pub trusted: TrustedKey,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Metrics of the process.
    pub metrics: Arc<Metrics>,
    /// How render workers are started.
    pub worker: WorkerCommand,
    /// How programs of others are started, confined; see [`MediaProbe::new`].
    pub confined: WorkerCommand,
}

/// An open data plane, shared by its HTTP workers.
pub type DataPlane = Arc<Plane>;

/// The parts of an open data plane.
pub struct Plane {
    /// Settings.
    pub settings: Settings,
    /// The regional database.
    pub database: Database,
    /// The tenants.
    pub tenants: Arc<Tenants>,
    /// What keys may do.
    pub policies: Policies,
    /// The hourly quota of the Admin API.
    pub admin_quota: AdminQuota,
    /// Wrong credentials by address.
    pub failed_attempts: FailedAttempts,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// The counters of this run.
    pub counters: Arc<Counters>,
    /// What keys asked for, counted.
    pub calls: Arc<Calls>,
    /// Metrics of the process.
    pub metrics: Arc<Metrics>,
    /// Carries usage, audit and call records up.
    pub shipper: Arc<Shipper>,
    /// The object store.
    pub storage: Storage,
    /// Where uploads are staged.
    pub scratch: Scratch,
    /// How many uploads in chunks may be put together at once.
    pub assemblies: tokio::sync::Semaphore,
    /// Large files that are staged before their credentials have come.
    pub trusted_files: TrustedFiles,
    /// The way to what is outside.
    pub outbound: Outbound,
    /// The render workers.
    pub render: Renderers,
    /// ffprobe.
    pub media: MediaProbe,
    /// Rows that were read a moment ago.
    pub located: Located,
    /// What is stored under the names of transformations.
    pub definitions: Definitions,
    /// Which transformations are allowed where they are strict.
    pub allowed: Allowed,
    /// How often transformations are delivered.
    pub uses: Uses,
    /// Plans made before.
    pub plans: Plans,
    /// Room for originals in memory.
    pub source_room: SourceRoom,
    /// What the pixels have answered.
    pub measures: Measures,
    /// Renditions in memory.
    pub renditions: Renditions,
    /// Remote files that are being fetched.
    pub fetches: Fetches,
    /// Where what is not there is fetched from.
    pub mappings: mappings::Mappings,
    /// Says that there are new jobs.
    pub jobs: Arc<Wakers>,
    /// Says that there are new notifications for those who wait for them.
    pub poll_waits: PollWaits,
    /// Delivery addresses.
    pub links: Links,
    /// The carrier of the seam.
    pub link: Arc<dyn ControlLink>,
    /// Usage as it was last known.
    pub known_usage: moka::sync::Cache<EnvironmentId, UsageSummary>,
}

/// A data plane could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The object store.
    #[error("the object store cannot be opened")]
    Storage(#[from] storage::StorageError),
    /// The snapshots of the regional database.
    #[error("the tenants cannot be loaded")]
    Tenants(#[from] tenants::TenantError),
    /// The scratch folder.
    #[error(transparent)]
    Scratch(#[from] upload::stage::StagingError),
    /// The counter files.
    #[error("the counter files cannot be opened")]
    Counters(#[source] std::io::Error),
    /// What an earlier run had counted.
    #[error("what an earlier run had counted cannot be taken over")]
    Recovery(#[from] metering::ship_error::ShipError),
    /// The client of what is outside.
    #[error("the client for remote files cannot be made")]
    Outbound(#[from] outbound::OutboundError),
    /// The render workers.
    #[error("the render workers cannot be started")]
    Render(#[source] std::io::Error),
}

impl Plane {
    /// Opens a data plane: loads its tenants, takes over what an earlier run had counted, starts its render workers.
    pub async fn open(opening: Opening<'_>) -> Result<DataPlane, OpenError> {
        let Opening { settings, data, database, link, region_key, trusted, clock, metrics, worker, confined } = opening;
        let region = settings.region.name.clone();
        let storage = Storage::open(&settings.storage, data, &metrics)?;
        let scratch = Scratch::open(&data.join("scratch"))?.settling(storage.takes_files());
        let (counters, left) = Counters::open(&data.join("counters"), settings.metering.counter_slots, clock.now())
            .map_err(OpenError::Counters)?;
        let counters = Arc::new(counters);
        let keep = TimeDelta::seconds(settings.metering.call_records_seconds.into());
        let calls = Arc::new(Calls::new(Arc::clone(&metrics), keep));
        let shipper = Shipper::new(
            Arc::clone(&counters),
            Arc::clone(&calls),
            database.clone(),
            &region,
            Arc::clone(&link),
            Arc::clone(&clock),
            Arc::clone(&metrics),
            Duration::from_secs(settings.metering.window_seconds),
        );
        shipper.recover(left).await?;
        let tenants =
            Tenants::load(database.clone(), &region, region_key, trusted, Arc::clone(&link), Arc::clone(&metrics))
                .await?;
        let outbound = Outbound::new(settings.outbound.clone(), &settings.delivery.public_url, Arc::new(SystemNames))?;
        let trusted_files = TrustedFiles::new(settings.uploads.unverified_large_files);
        let render = Renderers::start(settings.render.clone(), worker).map_err(OpenError::Render)?;
        Ok(Arc::new(Self {
            located: Located::new(Duration::from_millis(settings.delivery.row_cache_ms)),
            definitions: Definitions::new(Duration::from_millis(settings.delivery.row_cache_ms)),
            allowed: Allowed::new(Duration::from_millis(settings.delivery.row_cache_ms)),
            uses: Uses::default(),
            renditions: Renditions::new(settings.delivery.memory_cache_bytes),
            fetches: Fetches::new(settings.delivery.fetch_keep_seconds),
            mappings: mappings::Mappings::default(),
            jobs: Arc::default(),
            poll_waits: PollWaits::default(),
            links: Links::new(&settings.delivery.public_url, Arc::clone(&clock)),
            plans: Plans::default(),
            measures: Measures::default(),
            source_room: SourceRoom::default(),
            media: MediaProbe::new(settings.media.clone(), confined),
            policies: Policies::default(),
            admin_quota: AdminQuota::default(),
            failed_attempts: FailedAttempts::new(
                settings.region.failed_attempts_per_second,
                settings.region.failed_attempts_burst,
            ),
            known_usage: moka::sync::Cache::new(USAGE_KEPT),
            settings,
            database,
            tenants,
            clock,
            counters,
            calls,
            metrics,
            shipper,
            storage,
            scratch,
            assemblies: tokio::sync::Semaphore::new(ASSEMBLIES),
            trusted_files,
            outbound,
            render,
            link,
        }))
    }

    /// Starts what runs beside the requests: following the control plane, shipping usage, sweeping. Ends when `stop` is set; the
    /// last usage is shipped then.
    pub fn start(self: &Arc<Self>, stop: &watch::Receiver<bool>) -> Background {
        Background {
            follower: self.tenants.follow(),
            shipper: self.shipper.run(stop.clone()),
            syncer: self.shipper.sync(stop.clone()),
            sweeper: sweeper::run(self, stop.clone()),
            jobs: self.runner().start(stop.clone()),
            uses: uses::run(self, Duration::from_secs(self.settings.metering.window_seconds), stop.clone()),
            gauges: gauges(self, stop.clone()),
        }
    }

    fn runner(self: &Arc<Self>) -> Runner {
        Runner {
            database: self.database.clone(),
            node: self.counters.place().node,
            clock: Arc::clone(&self.clock),
            metrics: Arc::clone(&self.metrics),
            wakers: Arc::clone(&self.jobs),
            config: self.settings.jobs.clone(),
            carrier: Arc::new(Carrier(Arc::clone(self))),
        }
    }

    /// Removes objects that no row names any more. What cannot be removed now is left to the sweeper.
    pub fn remove_objects(&self, objects: Vec<ObjectKey>) {
        if objects.is_empty() {
            return;
        }
        let storage = self.storage.clone();
        tokio::spawn(async move {
            for object in objects {
                if let Err(error) = storage.delete(&object).await {
                    tracing::debug!(%error, object = object.path(), "an object is left to the sweeper");
                }
            }
        });
    }

    /// Whether the plane can serve: its database and its object store answer.
    pub async fn ready(&self) -> Result<(), ApiError> {
        self.database.ping().await?;
        self.storage.check().await?;
        Ok(())
    }

    /// Adds what the handlers need to an application.
    pub fn configure(self: &Arc<Self>, config: &mut web::ServiceConfig) {
        config.app_data(web::Data::new(Arc::clone(self)));
    }
}

/// How often free memory is given back to the kernel: bodies of many sizes leave holes in what the allocator holds.
const TRIM_INTERVAL: Duration = Duration::from_secs(30);

/// Keeps what is told of the render pool true, and what is held near what is used.
fn gauges(plane: &DataPlane, mut stop: watch::Receiver<bool>) -> JoinHandle<()> {
    let plane = Arc::clone(plane);
    tokio::spawn(async move {
        let mut times = tokio::time::interval(Duration::from_secs(1));
        let mut trims = tokio::time::interval(TRIM_INTERVAL);
        loop {
            tokio::select! {
                _ = times.tick() => {}
                _ = trims.tick() => {
                    tokio::task::spawn_blocking(trim);
                    continue;
                }
                () = stopped(&mut stop) => return,
            }
            let waiting = plane.render.queue_len();
            plane.metrics.render_queue_jobs.set(i64::try_from(waiting).unwrap_or(i64::MAX));
            for (reason, ended) in plane.render.ended() {
                let counter = plane.metrics.render_workers_ended.with_label_values(&[reason]);
                counter.inc_by(ended.saturating_sub(counter.get()));
            }
        }
    })
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn trim() {
    // SAFETY: asks the allocator to return free pages; no memory in use is touched.
    unsafe { libc::malloc_trim(0) };
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn trim() {}

/// What runs beside the requests.
pub struct Background {
    follower: JoinHandle<()>,
    shipper: JoinHandle<()>,
    syncer: JoinHandle<()>,
    sweeper: JoinHandle<()>,
    jobs: JoinHandle<()>,
    uses: JoinHandle<()>,
    gauges: JoinHandle<()>,
}

impl Background {
    /// Waits, after `stop` was set, until the last usage has been shipped and the render workers are gone.
    pub async fn finish(self, plane: &Plane) {
        self.follower.abort();
        self.sweeper.abort();
        self.syncer.abort();
        self.gauges.abort();
        // What is still under way was waited for, and comes back at the next start.
        if let Err(error) = self.jobs.await {
            tracing::warn!(%error, "jobs ended early; they come back when their leases run out");
        }
        if let Err(error) = self.uses.await {
            tracing::warn!(%error, "how often transformations were delivered in the last seconds is lost");
        }
        if let Err(error) = self.shipper.await {
            tracing::warn!(%error, "shipping ended early; usage waits in the outbox");
        }
        plane.render.shutdown().await;
    }
}

/// The operations of the data plane. Delivery takes every path that nothing else takes.
pub fn routes() -> Routes {
    use admin::{
        datasources, deletion, explain, folders, jobs, listings, mappings, metadata_fields, metadata_rules,
        notifications, openness, presets, relations, resources, service, streaming_profiles, transformations, triggers,
    };
    let mut routes = Routes::new();
    {
        use service::{__path_config, __path_ping, __path_usage, config, ping, usage};
        plane_kit::routes!(routes; ping, usage, config);
    }
    routes.add_spelling("usage", Method::GET, "/v1_1/{cloud_name}/usage/{date}", service::usage);
    {
        use deletion::{
            __path_delete_derived_resources, __path_delete_resources, __path_delete_resources_by_tag,
            delete_derived_resources, delete_resources, delete_resources_by_tag,
        };
        use listings::{
            __path_list_resources, __path_list_resources_by_asset_folder, __path_list_resources_by_asset_ids,
            __path_list_resources_by_context, __path_list_resources_by_moderation, __path_list_resources_by_tag,
            __path_list_resources_of_type, __path_list_tags, list_resources, list_resources_by_asset_folder,
            list_resources_by_asset_ids, list_resources_by_context, list_resources_by_moderation,
            list_resources_by_tag, list_resources_of_type, list_tags,
        };
        use openness::{__path_publish_resources, __path_update_access_mode, publish_resources, update_access_mode};
        use resources::{
            __path_list_resource_types, __path_read_resource, __path_update_resource, list_resource_types,
            read_resource, update_resource,
        };
        plane_kit::routes!(routes;
            list_resource_types, list_resources_by_asset_folder, list_resources_by_asset_ids, list_resources_by_tag,
            list_resources_by_context, list_resources_by_moderation, list_tags, delete_resources_by_tag, delete_derived_resources,
            publish_resources, update_access_mode);
        use presets::{
            __path_create_upload_preset, __path_delete_upload_preset, __path_list_upload_presets,
            __path_read_upload_preset, __path_update_upload_preset, create_upload_preset, delete_upload_preset,
            list_upload_presets, read_upload_preset, update_upload_preset,
        };
        plane_kit::routes!(routes;
            list_upload_presets, create_upload_preset, read_upload_preset, update_upload_preset, delete_upload_preset);
        let cloud = "/v1_1/{cloud_name}";
        use relations::{
            __path_relate_assets, __path_unrelate_assets, relate_assets, relate_assets_by_id, unrelate_assets,
            unrelate_assets_by_id,
        };
        plane_kit::routes!(routes; relate_assets, unrelate_assets);
        let by_id = format!("{cloud}/resources/related_assets/{{asset_id}}");
        routes.add_spelling("relate_assets", Method::POST, &by_id, relate_assets_by_id);
        routes.add_spelling("unrelate_assets", Method::DELETE, &by_id, unrelate_assets_by_id);
        use mappings::{
            __path_create_upload_mapping, __path_delete_upload_mapping, __path_list_upload_mappings,
            __path_replace_upload_mappings, __path_update_upload_mapping, create_upload_mapping, delete_upload_mapping,
            list_upload_mappings, replace_upload_mappings, update_upload_mapping,
        };
        plane_kit::routes!(routes;
            list_upload_mappings, create_upload_mapping, update_upload_mapping, delete_upload_mapping,
            replace_upload_mappings);
        use datasources::{
            __path_delete_datasource_entries, __path_order_datasource, __path_restore_datasource_entries,
            __path_search_datasource, __path_search_datasources, __path_update_datasource, delete_datasource_entries,
            order_datasource, restore_datasource_entries, search_datasource, search_datasources, update_datasource,
        };
        use metadata_fields::{
            __path_create_metadata_field, __path_delete_metadata_field, __path_list_metadata_fields,
            __path_read_metadata_field, __path_reorder_metadata_field, __path_reorder_metadata_fields,
            __path_update_metadata_field, create_metadata_field, delete_metadata_field, list_metadata_fields,
            read_metadata_field, reorder_metadata_field, reorder_metadata_fields, update_metadata_field,
        };
        // What is named by a word stands before what is named by an id.
        plane_kit::routes!(routes;
            list_metadata_fields, create_metadata_field, reorder_metadata_fields, search_datasources,
            read_metadata_field, update_metadata_field, delete_metadata_field, reorder_metadata_field,
            search_datasource, update_datasource, delete_datasource_entries, order_datasource,
            restore_datasource_entries);
        let order = format!("{cloud}/metadata_fields/{{external_id}}/datasource/order");
        routes.add_spelling("order_datasource", Method::PUT, &order, order_datasource);
        use metadata_rules::{
            __path_create_metadata_rule, __path_delete_metadata_rule, __path_list_metadata_rules,
            __path_update_metadata_rule, create_metadata_rule, delete_metadata_rule, list_metadata_rules,
            update_metadata_rule,
        };
        plane_kit::routes!(routes;
            list_metadata_rules, create_metadata_rule, update_metadata_rule, delete_metadata_rule);
        use triggers::{
            __path_create_trigger, __path_delete_trigger, __path_list_triggers, __path_test_trigger,
            __path_update_trigger, create_trigger, delete_trigger, list_triggers, test_trigger, update_trigger,
        };
        plane_kit::routes!(routes; list_triggers, create_trigger, update_trigger, delete_trigger, test_trigger);
        use notifications::{
            __path_acknowledge_notifications, __path_list_deliveries, __path_list_notifications,
            __path_replay_notification, acknowledge_notifications, list_deliveries, list_notifications,
            replay_notification,
        };
        plane_kit::routes!(routes;
            list_notifications, acknowledge_notifications, list_deliveries, replay_notification);
        use streaming_profiles::{
            __path_create_streaming_profile, __path_delete_streaming_profile, __path_list_streaming_profiles,
            __path_read_streaming_profile, __path_update_streaming_profile, create_streaming_profile,
            delete_streaming_profile, list_streaming_profiles, read_streaming_profile, update_streaming_profile,
        };
        use transformations::{
            __path_create_transformation, __path_delete_transformation, __path_list_transformations,
            __path_read_transformation, __path_update_transformation, create_transformation,
            create_transformation_by_parameter, delete_transformation, delete_transformation_by_parameter,
            list_transformations, read_transformation, update_transformation, update_transformation_by_parameter,
        };
        plane_kit::routes!(routes;
            list_streaming_profiles, create_streaming_profile, read_streaming_profile, update_streaming_profile,
            delete_streaming_profile);
        let by_parameter = format!("{cloud}/transformations");
        use explain::{__path_explain_url, explain_url};
        plane_kit::routes!(routes;
            explain_url, list_transformations, read_transformation, create_transformation, update_transformation,
            delete_transformation);
        routes.add_spelling("create_transformation", Method::POST, &by_parameter, create_transformation_by_parameter);
        routes.add_spelling("update_transformation", Method::PUT, &by_parameter, update_transformation_by_parameter);
        routes.add_spelling("delete_transformation", Method::DELETE, &by_parameter, delete_transformation_by_parameter);
        use jobs::{__path_list_jobs, list_jobs};
        plane_kit::routes!(routes; list_jobs);
        use folders::{
            __path_create_folder, __path_delete_folder, __path_list_descendant_folders, __path_list_root_folders,
            __path_read_folder, __path_update_folder, create_folder, delete_folder, list_descendant_folders,
            list_root_folders, read_folder, update_folder,
        };
        plane_kit::routes!(routes; list_root_folders, list_descendant_folders);
        let by_path = format!("{cloud}/folders/by_path");
        routes.add_spelling("read_folder", Method::PUT, &by_path, folders::read_folder_by_path);
        let by_id = format!("{cloud}/folders/by_id");
        routes.add_spelling("read_folder", Method::PUT, &by_id, folders::read_folder_by_id);
        let by_body = format!("{cloud}/resources/get_resource");
        routes.add_spelling("read_resource", Method::POST, &by_body, resources::read_resource_by_body);
        let by_body = format!("{cloud}/resources/update");
        routes.add_spelling("update_resource", Method::POST, &by_body, resources::update_resource_by_body);
        let by_ids = format!("{cloud}/resources");
        routes.add_spelling("delete_resources", Method::DELETE, &by_ids, deletion::delete_resources_by_ids);
        // The named operations of the vendor stand before the patterns that would swallow them.
        let (named, others): (Vec<_>, Vec<_>) = gaps::lines(GAPS).partition(|(_, path)| path.contains("/resources/"));
        routes.merge(gaps::routes_of(named));
        plane_kit::routes!(routes;
            list_resources, list_resources_of_type, read_resource, update_resource, delete_resources);
        let by_id = format!("{cloud}/resources/{{asset_id}}");
        routes.add_spelling("update_resource", Method::PUT, &by_id, resources::update_resource_by_id);
        routes.merge(gaps::routes_of(others));
        plane_kit::routes!(routes; read_folder, create_folder, update_folder, delete_folder);
    }
    {
        use upload::commands::{
            __path_rename, __path_update_context, __path_update_metadata, __path_update_tags, rename, update_context,
            update_metadata, update_tags,
        };
        use upload::{
            delete_token::{__path_delete_by_token, delete_by_token},
            download::{__path_download, download, download_by_id},
            explicit::{__path_explicit, explicit},
        };
        // What is named by a word stands before what is named by a resource type.
        routes.add_spelling(
            "destroy",
            Method::POST,
            "/v1_1/{cloud_name}/asset/destroy",
            upload::destroy::destroy_by_id,
        );
        routes.add_spelling("download", Method::GET, "/v1_1/{cloud_name}/asset/download", download_by_id);
        plane_kit::routes!(routes; download);
        use upload::{
            destroy::{__path_destroy, destroy},
            handlers::{__path_upload, upload},
        };
        plane_kit::routes!(routes;
            upload, explicit, destroy, delete_by_token, rename, update_tags, update_context, update_metadata);
        routes.add_spelling("upload", Method::POST, "/v1_1/{cloud_name}/upload", upload);
        routes.add_spelling("upload", Method::POST, "/v1_1/{cloud_name}/{resource_type}/upload_chunked", upload);
        // The file is the whole body, as Active Storage sends it from a browser.
        routes.add_spelling("upload", Method::PUT, "/v1_1/{cloud_name}/{resource_type}/upload", upload);
    }
    {
        use delivery::{__path_deliver, deliver};
        plane_kit::routes!(routes; deliver);
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            routes.add_spelling("refuse_method", method, "/{delivery_path}", delivery::refuse_method);
        }
    }
    routes
}

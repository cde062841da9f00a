/** Generated from the OpenAPI of whet/server by `npm run schema`: not to be edited. */
export interface paths {
    "/api/2.0/mlflow-artifacts/artifacts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Proxied List
         * @description The same through the proxy, whose paths begin with the run, with names from the folder asked for.
         */
        get: operations["proxied_list_api_2_0_mlflow_artifacts_artifacts_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/2.0/mlflow-artifacts/artifacts/{path}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Download
         * @description The bytes of an artifact, or a part of them (Range).
         */
        get: operations["download_api_2_0_mlflow_artifacts_artifacts__path__get"];
        /**
         * Upload
         * @description Store an artifact, whole or not at all, however large: it goes to the disk as it comes.
         */
        put: operations["upload_api_2_0_mlflow_artifacts_artifacts__path__put"];
        post?: never;
        /**
         * Delete
         * @description Remove an artifact, or a folder of them.
         */
        delete: operations["delete_api_2_0_mlflow_artifacts_artifacts__path__delete"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/2.0/mlflow/artifacts/list": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Listed
         * @description What lies in a folder of a run's artifacts, with paths from their root.
         */
        get: operations["listed_api_2_0_mlflow_artifacts_list_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/2.0/mlflow/experiments/create": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Create
         * @description A new experiment.
         */
        post: operations["create_api_2_0_mlflow_experiments_create_post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/2.0/mlflow/experiments/delete": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Delete
         * @description Marked as deleted, its runs with it; nothing is removed.
         */
        post: operations["delete_api_2_0_mlflow_experiments_delete_post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/2.0/mlflow/experiments/delete-experiment-tag": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Delete Tag
         * @description A tag taken away.
         */
        post: operations["delete_tag_api_2_0_mlflow_experiments_delete_experiment_tag_post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/2.0/mlflow/experiments/get": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get
         * @description An experiment by its id.
         */
        get: operations["get_api_2_0_mlflow_experiments_get_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/2.0/mlflow/experiments/get-by-name": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get By Name
         * @description An experiment by its name.
         */
        get: operations["get_by_name_api_2_0_mlflow_experiments_get_by_name_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/2.0/mlflow/experiments/restore": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Restore
         * @description No longer marked as deleted.
         */
        post: operations["restore_api_2_0_mlflow_experiments_restore_post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/2.0/mlflow/experiments/search": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Search
         * @description Experiments by a filter over names, times and tags.
         */
        get: operations["search_api_2_0_mlflow_experiments_search_get"];
        put?: never;
        /**
         * Search
         * @description Experiments by a filter over names, times and tags.
         */
        post: operations["search_api_2_0_mlflow_experiments_search_post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/2.0/mlflow/experiments/set-experiment-tag": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Set Tag
         * @description A tag of an experiment.
         */
        post: operations["set_tag_api_2_0_mlflow_experiments_set_experiment_tag_post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/2.0/mlflow/experiments/update": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Update
         * @description Another name.
         */
        post: operations["update_api_2_0_mlflow_experiments_update_post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/2.0/mlflow/logged-models": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Create
         * @description A new model, whose files are still to come.
         */
        post: operations["create_api_2_0_mlflow_logged_models_post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/2.0/mlflow/logged-models/search": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Search
         * @description Models of experiments by a filter over attributes, params, tags and the newest metrics (on data sets).
         */
        post: operations["search_api_2_0_mlflow_logged_models_search_post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/2.0/mlflow/logged-models/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get
         * @description A model with its params, tags and newest metrics.
         */
        get: operations["get_api_2_0_mlflow_logged_models__id__get"];
        put?: never;
        post?: never;
        /**
         * Delete
         * @description Marked as deleted; nothing is removed.
         */
        delete: operations["delete_api_2_0_mlflow_logged_models__id__delete"];
        options?: never;
        head?: never;
        /**
         * Finalize
         * @description That its files have come, or that they have not.
         */
        patch: operations["finalize_api_2_0_mlflow_logged_models__id__patch"];
        trace?: never;
    };
    "/api/2.0/mlflow/logged-models/{id}/artifacts/directories": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Artifacts
         * @description What lies in a folder of a model's files.
         */
        get: operations["artifacts_api_2_0_mlflow_logged_models__id__artifacts_directories_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/2.0/mlflow/logged-models/{id}/params": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Log Params
         * @description Further params.
         */
        post: operations["log_params_api_2_0_mlflow_logged_models__id__params_post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/2.0/mlflow/logged-models/{id}/tags": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /**
         * Set Tags
         * @description Tags.
         */
        patch: operations["set_tags_api_2_0_mlflow_logged_models__id__tags_patch"];
        trace?: never;
    };
    "/api/2.0/mlflow/logged-models/{id}/tags/{key}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Delete Tag
         * @description A tag taken away.
         */
        delete: operations["delete_tag_api_2_0_mlflow_logged_models__id__tags__key__delete"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/2.0/mlflow/metrics/get-history": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get History
         * @description Every point of a metric.
         */
        get: operations["get_history_api_2_0_mlflow_metrics_get_history_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/2.0/mlflow/metrics/get-history-bulk-interval": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get Histories
         * @description A metric of several runs between two steps, at most `max_results` points a run, first and last among them.
         */
        get: operations["get_histories_api_2_0_mlflow_metrics_get_history_bulk_interval_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/2.0/mlflow/model-versions/create": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Create
         * @description A new version. Files that are on this server are linked and hashed; what lies elsewhere is referred to.
         */
        post: operations["create_api_2_0_mlflow_model_versions_create_post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/2.0/mlflow/model-versions/delete": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Delete
         * @description Remove a version with its aliases; one that a run or another version is built on is refused.
         */
        delete: operations["delete_api_2_0_mlflow_model_versions_delete_delete"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/2.0/mlflow/model-versions/delete-tag": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Delete Tag
         * @description A tag taken away, if it is there.
         */
        delete: operations["delete_tag_api_2_0_mlflow_model_versions_delete_tag_delete"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/2.0/mlflow/model-versions/get": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get
         * @description A version by its number.
         */
        get: operations["get_api_2_0_mlflow_model_versions_get_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/2.0/mlflow/model-versions/get-download-uri": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get Download Uri
         * @description Where the files of a version are had from.
         */
        get: operations["get_download_uri_api_2_0_mlflow_model_versions_get_download_uri_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/2.0/mlflow/model-versions/search": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Search
         * @description Versions by a filter over names, numbers, runs, sources, times and tags.
         */
        get: operations["search_api_2_0_mlflow_model_versions_search_get"];
        put?: never;
        /**
         * Search
         * @description Versions by a filter over names, numbers, runs, sources, times and tags.
         */
        post: operations["search_api_2_0_mlflow_model_versions_search_post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/2.0/mlflow/model-versions/set-tag": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Set Tag
         * @description A tag.
         */
        post: operations["set_tag_api_2_0_mlflow_model_versions_set_tag_post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/2.0/mlflow/model-versions/transition-stage": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Transition
         * @description A stage, which is a word beside the version here; aliases are what is resolved.
         */
        post: operations["transition_api_2_0_mlflow_model_versions_transition_stage_post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/2.0/mlflow/model-versions/update": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /**
         * Update
         * @description Another description.
         */
        patch: operations["update_api_2_0_mlflow_model_versions_update_patch"];
        trace?: never;
    };
    "/api/2.0/mlflow/registered-models/alias": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get By Alias
         * @description The version that an alias means.
         */
        get: operations["get_by_alias_api_2_0_mlflow_registered_models_alias_get"];
        put?: never;
        /**
         * Set Alias
         * @description Let an alias mean a version.
         */
        post: operations["set_alias_api_2_0_mlflow_registered_models_alias_post"];
        /**
         * Delete Alias
         * @description An alias taken away, if it is there.
         */
        delete: operations["delete_alias_api_2_0_mlflow_registered_models_alias_delete"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/2.0/mlflow/registered-models/create": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Create
         * @description A new model without versions.
         */
        post: operations["create_api_2_0_mlflow_registered_models_create_post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/2.0/mlflow/registered-models/delete": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Delete
         * @description Remove a model with its versions; one that others are built on is refused.
         */
        delete: operations["delete_api_2_0_mlflow_registered_models_delete_delete"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/2.0/mlflow/registered-models/delete-tag": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Delete Tag
         * @description A tag taken away, if it is there.
         */
        delete: operations["delete_tag_api_2_0_mlflow_registered_models_delete_tag_delete"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/2.0/mlflow/registered-models/get": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get
         * @description A model with its newest versions.
         */
        get: operations["get_api_2_0_mlflow_registered_models_get_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/2.0/mlflow/registered-models/get-latest-versions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Latest
         * @description The newest version in each stage.
         */
        get: operations["latest_api_2_0_mlflow_registered_models_get_latest_versions_get"];
        put?: never;
        /**
         * Latest
         * @description The newest version in each stage.
         */
        post: operations["latest_api_2_0_mlflow_registered_models_get_latest_versions_post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/2.0/mlflow/registered-models/rename": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Rename
         * @description Another name.
         */
        post: operations["rename_api_2_0_mlflow_registered_models_rename_post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/2.0/mlflow/registered-models/search": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Search
         * @description Models by a filter over names, times and tags.
         */
        get: operations["search_api_2_0_mlflow_registered_models_search_get"];
        put?: never;
        /**
         * Search
         * @description Models by a filter over names, times and tags.
         */
        post: operations["search_api_2_0_mlflow_registered_models_search_post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/2.0/mlflow/registered-models/set-tag": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Set Tag
         * @description A tag.
         */
        post: operations["set_tag_api_2_0_mlflow_registered_models_set_tag_post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/2.0/mlflow/registered-models/update": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /**
         * Update
         * @description Another description.
         */
        patch: operations["update_api_2_0_mlflow_registered_models_update_patch"];
        trace?: never;
    };
    "/api/2.0/mlflow/runs/create": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Create
         * @description A new run.
         */
        post: operations["create_api_2_0_mlflow_runs_create_post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/2.0/mlflow/runs/delete": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Delete
         * @description Marked as deleted; nothing is removed.
         */
        post: operations["delete_api_2_0_mlflow_runs_delete_post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/2.0/mlflow/runs/delete-tag": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Delete Tag
         * @description A tag taken away.
         */
        post: operations["delete_tag_api_2_0_mlflow_runs_delete_tag_post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/2.0/mlflow/runs/get": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get
         * @description A run with its params, tags and newest metrics.
         */
        get: operations["get_api_2_0_mlflow_runs_get_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/2.0/mlflow/runs/log-batch": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Log Batch
         * @description Metrics, params and tags of one run, all checked before the first is written.
         */
        post: operations["log_batch_api_2_0_mlflow_runs_log_batch_post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/2.0/mlflow/runs/log-inputs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Log Inputs
         * @description Data sets and logged models that a run was given.
         */
        post: operations["log_inputs_api_2_0_mlflow_runs_log_inputs_post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/2.0/mlflow/runs/log-metric": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Log Metric
         * @description One point.
         */
        post: operations["log_metric_api_2_0_mlflow_runs_log_metric_post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/2.0/mlflow/runs/log-model": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Log Model
         * @description That a model was logged among the artifacts: a line in a tag, as MLflow keeps it.
         */
        post: operations["log_model_api_2_0_mlflow_runs_log_model_post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/2.0/mlflow/runs/log-parameter": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Log Param
         * @description One param, which no later one may change.
         */
        post: operations["log_param_api_2_0_mlflow_runs_log_parameter_post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/2.0/mlflow/runs/outputs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Log Outputs
         * @description Logged models that a run has made.
         */
        post: operations["log_outputs_api_2_0_mlflow_runs_outputs_post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/2.0/mlflow/runs/restore": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Restore
         * @description No longer marked as deleted.
         */
        post: operations["restore_api_2_0_mlflow_runs_restore_post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/2.0/mlflow/runs/search": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Search
         * @description Runs of experiments by a filter, in an order, page by page.
         */
        post: operations["search_api_2_0_mlflow_runs_search_post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/2.0/mlflow/runs/set-tag": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Set Tag
         * @description One tag; of a run that was not made here, among what people say of it (`whet.track.edits`).
         */
        post: operations["set_tag_api_2_0_mlflow_runs_set_tag_post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/2.0/mlflow/runs/update": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Update
         * @description Another status, end or name.
         */
        post: operations["update_api_2_0_mlflow_runs_update_post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/audit": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Audit
         * @description What was changed and by whom, the latest first; `before` the id of the last that one has.
         */
        get: operations["audit_api_v1_audit_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/boards": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Boards
         * @description All boards with their entries.
         */
        get: operations["boards_api_v1_boards_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/boards/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * One
         * @description A board, its entries the best first.
         */
        get: operations["one_api_v1_boards__id__get"];
        put?: never;
        /**
         * Make
         * @description A new board.
         */
        post: operations["make_api_v1_boards__id__post"];
        /**
         * Remove
         * @description Remove a board; its runs stay.
         */
        delete: operations["remove_api_v1_boards__id__delete"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/boards/{id}/entries": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Enter
         * @description Enter a run; refused, with what differs, where it is none of the task.
         */
        post: operations["enter_api_v1_boards__id__entries_post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/boards/{id}/entries/{run}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Withdraw
         * @description Take an entry away.
         */
        delete: operations["withdraw_api_v1_boards__id__entries__run__delete"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/compare": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Compare
         * @description The entries of config and outcome in which not all runs are alike, in the order of `runs`, the baseline first.
         */
        get: operations["compare_api_v1_compare_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/compare/evaluations": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Evaluations
         * @description What was measured of each run, by task, settings and data; where one was measured twice, the newest result.
         */
        get: operations["evaluations_api_v1_compare_evaluations_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/curves": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Curves Of Runs
         * @description Curves of many runs at once, packed, for comparing them; what a run does not have is left out.
         */
        get: operations["curves_of_runs_api_v1_curves_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/health": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Health
         * @description That the server is there, and of which kind.
         */
        get: operations["health_api_v1_health_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/invitation": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Invitation
         * @description Whom an invitation is for.
         */
        get: operations["invitation_api_v1_invitation_get"];
        put?: never;
        /**
         * Accept
         * @description Choose a password by an invitation, and be signed in.
         */
        post: operations["accept_api_v1_invitation_post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/keys": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Keys
         * @description One's own keys; of those who rule everywhere, everybody's.
         */
        get: operations["keys_api_v1_keys_get"];
        put?: never;
        /**
         * Make Key
         * @description A key of one's own for programs, which is told this once; it may do no more than whoever asks for it.
         */
        post: operations["make_key_api_v1_keys_post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/keys/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Remove Key
         * @description Remove a key.
         */
        delete: operations["remove_key_api_v1_keys__id__delete"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/live": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Rows
         * @description Events `runs`: rows that have changed since a `version` of the listing (without one from now on), once a second.
         *
         *     `gone` are runs that are no longer there, or no longer in what the filter takes.
         */
        get: operations["rows_api_v1_live_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/oidc/back": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Back
         * @description From the provider: a session for somebody who was added under the address that it has verified.
         */
        get: operations["back_api_v1_oidc_back_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/oidc/start": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Start
         * @description To the provider; afterwards to the path `next` of the page.
         */
        get: operations["start_api_v1_oidc_start_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/plan": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Choose
         * @description Known models and cards, the schema of what can be chosen beside them, and what is assumed of every card.
         */
        get: operations["choose_api_v1_plan_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/plan/architectures/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Architecture
         * @description The weights and the memory of a class of models (`model_type`), as formulas of its config that a page evaluates.
         *
         *     400 for a class that has not been traced.
         */
        get: operations["architecture_api_v1_plan_architectures__name__get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/plan/fit": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Fit
         * @description All ways to train a model on so many cards, as `whet fit --json`: those that none beats in memory and speed, why
         *     others do not fit, and which meshes were tried. 400 for what cannot be planned.
         */
        post: operations["fit_api_v1_plan_fit_post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/plan/measured": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Calibration
         * @description What finished runs of this machine say of a class of models, of about so many parameters, on a card.
         */
        get: operations["calibration_api_v1_plan_measured_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/playground": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * State
         * @description What is served now, the settings of answers, and the votes that are kept.
         */
        get: operations["state_api_v1_playground_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/playground/ask/{id}/chat": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Chat
         * @description An answer as it comes, in the events of OpenAI's chats, with the log-probabilities of its tokens.
         */
        post: operations["chat_api_v1_playground_ask__id__chat_post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/playground/ask/{id}/prompt": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Prompt
         * @description The conversation as the model's own template renders it, token by token.
         */
        post: operations["prompt_api_v1_playground_ask__id__prompt_post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/playground/engines": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Start
         * @description Serve a model, in a process of its own; where it is served already, that one. It ends when nobody asks it.
         */
        post: operations["start_api_v1_playground_engines_post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/playground/engines/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * End
         * @description Serve a model no more.
         */
        delete: operations["end_api_v1_playground_engines__id__delete"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/playground/models": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Models
         * @description Models of runs, checkpoints, adapters, exports and versions of the registry whose names hold the words of `q`.
         */
        get: operations["models_api_v1_playground_models_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/playground/votes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Vote
         * @description Keep what somebody says of one answer or of two, as rows to train on.
         */
        post: operations["vote_api_v1_playground_votes_post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/push/{run}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Begin
         * @description The name under which a run is kept here: its own, unless another run has it.
         *
         *     The body tells the first bytes of each of its logs, its project, and the names of runs here that it has turned out
         *     not to be.
         */
        post: operations["begin_api_v1_push__run__post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/push/{run}/blocks/{digest}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /**
         * Put Block
         * @description Keep a block until the file that it belongs to is whole.
         */
        put: operations["put_block_api_v1_push__run__blocks__digest__put"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/push/{run}/files/{path}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Put File
         * @description Make a file of blocks, named in order by their SHA-256. Answers which are missing: none once it is made.
         */
        post: operations["put_file_api_v1_push__run__files__path__post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/push/{run}/logs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Logs
         * @description The logs of a run with their sizes here.
         */
        get: operations["logs_api_v1_push__run__logs_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/push/{run}/logs/{path}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /**
         * Append
         * @description Add bytes behind the first `offset`, whose SHA-256 is `prefix`. Refused, with the size here, where it is not.
         */
        put: operations["append_api_v1_push__run__logs__path__put"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/registry/models": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Models
         * @description The newest version of each model, or with `versions` all of them, that a filter takes; by name, newest first.
         */
        get: operations["models_api_v1_registry_models_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/registry/models/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Model
         * @description A model with its aliases, tags and versions.
         */
        get: operations["model_api_v1_registry_models__name__get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /**
         * Patch
         * @description Set the description and tags of a model.
         */
        patch: operations["patch_api_v1_registry_models__name__patch"];
        trace?: never;
    };
    "/api/v1/registry/models/{name}/aliases/{alias}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /**
         * Set Alias
         * @description Let an alias mean a version; nothing is required, unless the alias has a policy: that is promoted to.
         */
        put: operations["set_alias_api_v1_registry_models__name__aliases__alias__put"];
        post?: never;
        /**
         * Delete Alias
         * @description Take an alias away.
         */
        delete: operations["delete_alias_api_v1_registry_models__name__aliases__alias__delete"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/registry/models/{name}/compare": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Compare
         * @description What differs between two versions of a model, and by how much their figures do.
         */
        get: operations["compare_api_v1_registry_models__name__compare_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/registry/models/{name}/history": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * History
         * @description What was done to a model, the latest first: versions, aliases with what was required, tags.
         */
        get: operations["history_api_v1_registry_models__name__history_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/registry/models/{name}/policies/{alias}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /**
         * Set Policy
         * @description What every promotion to an alias requires; null for nothing of itself.
         */
        put: operations["set_policy_api_v1_registry_models__name__policies__alias__put"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/registry/models/{name}/promotions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Promotion
         * @description Let an alias mean a version whose evaluations hold what is required; a refusal says which figure missed.
         */
        post: operations["promotion_api_v1_registry_models__name__promotions_post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/registry/models/{name}/versions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Add
         * @description Add the model of a run as a new version; its files are linked.
         */
        post: operations["add_api_v1_registry_models__name__versions_post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/registry/models/{name}/versions/{number}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * One
         * @description A version in full.
         */
        get: operations["one_api_v1_registry_models__name__versions__number__get"];
        put?: never;
        post?: never;
        /**
         * Delete
         * @description Remove a version; one that is referred to only with `force`.
         */
        delete: operations["delete_api_v1_registry_models__name__versions__number__delete"];
        options?: never;
        head?: never;
        /**
         * Patch Version
         * @description Set the description and tags of a version; what it consists of never changes.
         */
        patch: operations["patch_version_api_v1_registry_models__name__versions__number__patch"];
        trace?: never;
    };
    "/api/v1/registry/models/{name}/versions/{number}/verify": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Verify
         * @description Read every file of a version, and compare it with the manifest.
         */
        post: operations["verify_api_v1_registry_models__name__versions__number__verify_post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/reports": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Reports
         * @description All reports, the last changed first.
         */
        get: operations["reports_api_v1_reports_get"];
        put?: never;
        /**
         * Make
         * @description A new report.
         */
        post: operations["make_api_v1_reports_post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/reports/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * One
         * @description A report.
         */
        get: operations["one_api_v1_reports__id__get"];
        /**
         * Change
         * @description Write it anew; refused (409) where somebody else has since.
         */
        put: operations["change_api_v1_reports__id__put"];
        post?: never;
        /**
         * Remove
         * @description Remove it; its versions are kept.
         */
        delete: operations["remove_api_v1_reports__id__delete"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/reports/{id}/file": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * File
         * @description The report as one file of HTML that needs no server and no network.
         */
        get: operations["file_api_v1_reports__id__file_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/reports/{id}/shown": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Shown
         * @description A report with what its blocks show now, of runs that whoever asks may see.
         */
        get: operations["shown_api_v1_reports__id__shown_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/reports/{id}/versions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Versions
         * @description Every version of it, the oldest first.
         */
        get: operations["versions_api_v1_reports__id__versions_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/runs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Runs
         * @description Runs, pinned ones first and then the latest started, or by `sort` (`loss`, `loss:desc`).
         *
         *     `q` is looked for in names, projects, groups and tags: all of its words, whatever the case.
         *     `columns` are names of `names` with commas between, which stand beside what a row has; `spark` adds the loss in at
         *     most 40 means. Archived runs come with `archived`, or where the filter asks about it.
         */
        get: operations["runs_api_v1_runs_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /**
         * Patch
         * @description Change what is said of runs. All is checked before the first is changed; `undo` takes it back.
         */
        patch: operations["patch_api_v1_runs_patch"];
        trace?: never;
    };
    "/api/v1/runs/{run}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * One
         * @description One run: its row, what it says of itself, the names of its curves, its writers, and where its logs break.
         *
         *     `cursor` is how far it has been read, to go on from with `live` and `since`.
         */
        get: operations["one_api_v1_runs__run__get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/runs/{run}/checkpoints": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Checkpoints
         * @description Checkpoints that lie in the folder, and the models that were written of them.
         */
        get: operations["checkpoints_api_v1_runs__run__checkpoints_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/runs/{run}/console": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Console
         * @description Lines of a rank's console from line `start` on; without it the last ones, or with `step` those from a step on.
         *
         *     With `search` the lines that hold a text, whatever the case, and with `stream` those of one stream, from `start`
         *     (else from the first) on.
         */
        get: operations["console_api_v1_runs__run__console_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/runs/{run}/controls": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Controls
         * @description Ask a training to stop, or to write a checkpoint now; it does so after its step. Refused where none runs.
         */
        post: operations["controls_api_v1_runs__run__controls_post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/runs/{run}/curves": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Curves
         * @description Curves to draw: at most about `most` buckets each with first and last step, low, high and mean, no spike lost.
         *
         *     With `start` and `end` (steps) only what lies between, point by point where that is few enough. `x` is the axis that
         *     `first` and `last` are on. `marks` tell where the curve is NaN or infinite. `writer` is the run's lowest rank, or
         *     where that has no such curve the first who does, unless one is named.
         */
        get: operations["curves_api_v1_runs__run__curves_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/runs/{run}/data": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Data
         * @description Rows of a source from row `offset` on, or of those the ones that hold a text `q`: tokens with roles and weights.
         *
         *     A source is named by its number or as the run calls it; `next` is the row to go on from. The
         *     libraries of training are loaded for it once, in a process of their own.
         */
        get: operations["data_api_v1_runs__run__data_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/runs/{run}/diagnoses": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Diagnoses
         * @description Findings of a run with evidence, remedy and link, the gravest first.
         *
         *     They are found anew when the run has logged more. While it is live, rules that go over all rows are not asked.
         */
        get: operations["diagnoses_api_v1_runs__run__diagnoses_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/runs/{run}/environment": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Environment
         * @description Where each start of the run took place (versions, hardware, source code), and energy and cost so far.
         */
        get: operations["environment_api_v1_runs__run__environment_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/runs/{run}/evaluations": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Evaluations
         * @description What `whet evaluate` found, and the names of the curves of evaluations while training.
         */
        get: operations["evaluations_api_v1_runs__run__evaluations_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/runs/{run}/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Events
         * @description Events of all writers by time, of one kind (`media`, `notice`, `alert`, `span`, ...) or of all.
         */
        get: operations["events_api_v1_runs__run__events_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/runs/{run}/files/{path}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * File
         * @description A file of the run, or a part of it (Range): media as what they are, all else as text, so that none is run.
         */
        get: operations["file_api_v1_runs__run__files__path__get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/runs/{run}/generations": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Generations
         * @description What the model answered to the prompts of `evaluate.prompts`, of one step or prompt or of all, in order.
         */
        get: operations["generations_api_v1_runs__run__generations_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/runs/{run}/ledger": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Ledger
         * @description Rows of the data that were skipped, cut or dropped as duplicates, with reasons; those that hold a text `q`.
         */
        get: operations["ledger_api_v1_runs__run__ledger_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/runs/{run}/lineage": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lineage
         * @description The whole run; with `step` its rows and what came of it; with `source` and `row` the steps that learned of it.
         */
        get: operations["lineage_api_v1_runs__run__lineage_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/runs/{run}/live": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Run News
         * @description Events `news`: points and events since a `cursor` (without one from now on), of all curves or those of `names`.
         *
         *     After `reload`, which has another cursor, curves are to be asked for anew.
         */
        get: operations["run_news_api_v1_runs__run__live_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/runs/{run}/marks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Marks
         * @description What happened at steps and can be clicked: checkpoints, evaluations, resumes, notices, alerts, ends.
         *
         *     Of more than `limit` the latest.
         */
        get: operations["marks_api_v1_runs__run__marks_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/runs/{run}/media": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Media
         * @description What was logged beside numbers: name, step and entries, each with the path under `files` where it has one.
         */
        get: operations["media_api_v1_runs__run__media_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/runs/{run}/mesh": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Mesh
         * @description The mesh of the newest start, and which part of which weights each rank holds; empty for one process.
         */
        get: operations["mesh_api_v1_runs__run__mesh_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/runs/{run}/pages/{path}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Page
         * @description A page that was logged (`track.Html`), as a page: with no script, no form and no origin, in no frame but ours.
         */
        get: operations["page_api_v1_runs__run__pages__path__get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/runs/{run}/plan": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Plan
         * @description Memory that was planned, beside what was measured once the run has ended; empty where nothing was planned.
         */
        get: operations["plan_api_v1_runs__run__plan_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/runs/{run}/points": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Points
         * @description Every point of a curve, from its `start`-th on: steps, values and Unix times; or of what was gone over again.
         */
        get: operations["points_api_v1_runs__run__points_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/runs/{run}/ranks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Ranks
         * @description A curve of every rank in buckets of as many steps: rows are ranks, columns lie between `edges`.
         */
        get: operations["ranks_api_v1_runs__run__ranks_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/runs/{run}/requests": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Listed
         * @description The traces of a run that a filter takes, the latest first or by a column (`cost`, `cost:desc`).
         */
        get: operations["listed_api_v1_runs__run__requests_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/runs/{run}/requests/drift": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Drifting
         * @description Lengths and times of the requests in stretches of equally many, each measured by the first stretch.
         */
        get: operations["drifting_api_v1_runs__run__requests_drift_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/runs/{run}/requests/export": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Exported
         * @description The requests that a filter takes as rows: conversations, preferences, labels, or all that is known of them.
         */
        get: operations["exported_api_v1_runs__run__requests_export_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/runs/{run}/requests/scores": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Scored
         * @description Scores of the requests that a filter takes, by time and version of the model; and by what they were scored.
         */
        get: operations["scored_api_v1_runs__run__requests_scores_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/runs/{run}/requests/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * One
         * @description One trace: its stretches, and its messages where they were kept.
         */
        get: operations["one_api_v1_runs__run__requests__id__get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/runs/{run}/rollouts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Rollouts
         * @description Prompts with their answers side by side, of one step, or that hold a text `q`, the oldest first.
         *
         *     Recorded are `track.rollout_prompts` prompts of each rollout.
         */
        get: operations["rollouts_api_v1_runs__run__rollouts_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/runs/{run}/since": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Since
         * @description What came behind a cursor, points and events, and the cursor to ask with next time.
         *
         *     Refused, with that cursor, where it is too much for an answer.
         */
        get: operations["since_api_v1_runs__run__since_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/runs/{run}/steps/{step}/rows": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Rows
         * @description Rows of a step with their losses, the highest first, and what else was known of them.
         *
         *     With `texts` also what stands in their sources now, for which the libraries of training are loaded once.
         */
        get: operations["rows_api_v1_runs__run__steps__step__rows_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/runs/{run}/steps/{step}/tokens": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Tokens
         * @description Rows of a step whose tokens were recorded one by one, each with the losses of those that were trained.
         *
         *     Where the step has none, `steps` are those that have. `texts` are read by the run's tokenizer.
         */
        get: operations["tokens_api_v1_runs__run__steps__step__tokens_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/runs/{run}/traces": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read
         * @description The spans of a run by their start, of one trace or of all.
         */
        get: operations["read_api_v1_runs__run__traces_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/session": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Session
         * @description Who asks: name and roles, null before somebody has signed in, and the word that changes are sent with.
         *
         *     Whoever has started the server is told its `root` as they named it, for commands.
         */
        get: operations["session_api_v1_session_get"];
        put?: never;
        /**
         * Sign In
         * @description Sign in. After five failures, by name or by address, whoever tries again waits.
         */
        post: operations["sign_in_api_v1_session_post"];
        /**
         * Sign Out
         * @description Sign out.
         */
        delete: operations["sign_out_api_v1_session_delete"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/users": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * People
         * @description Everybody, with their roles.
         */
        get: operations["people_api_v1_users_get"];
        put?: never;
        /**
         * Add
         * @description A new person, and the invitation by which they choose a password.
         */
        post: operations["add_api_v1_users_post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/users/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Remove
         * @description Remove somebody, with their sessions and keys.
         */
        delete: operations["remove_api_v1_users__name__delete"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/users/{name}/invitation": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Invite
         * @description A new invitation: to choose another password.
         */
        post: operations["invite_api_v1_users__name__invitation_post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/users/{name}/role": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /**
         * Give
         * @description A role in a project, or in all of them (`*`); `none` takes it away.
         */
        put: operations["give_api_v1_users__name__role_put"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/health": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Mlflow Health
         * @description As MLflow's server says it.
         */
        get: operations["mlflow_health_health_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Metrics
         * @description `whet_runs` by status; of runs that run `whet_metric` (by its name), `whet_step`, `whet_started_seconds`.
         */
        get: operations["metrics_metrics_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/traces": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Receive
         * @description OTLP's export of traces, in protobuf or JSON, also gzipped.
         */
        post: operations["receive_v1_traces_post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /**
         * Acceptance
         * @description An invitation, and the password that is chosen by it.
         */
        Acceptance: {
            /** Invitation */
            invitation: string;
            /** Password */
            password: string;
        };
        /**
         * Against
         * @description By how much a value is above the baseline's; with a 95 % interval over `n` units where both have the same.
         */
        Against: {
            /** Difference */
            difference: number | ("NaN" | "Infinity" | "-Infinity");
            /** High */
            high: number | ("NaN" | "Infinity" | "-Infinity") | null;
            /** Low */
            low: number | ("NaN" | "Infinity" | "-Infinity") | null;
            /** N */
            n: number | null;
        };
        /**
         * AliasSet
         * @description The version that an alias is to mean; `past_policy` where it has a policy, and that is known.
         */
        AliasSet: {
            /**
             * Past Policy
             * @default false
             */
            past_policy: boolean;
            /** Version */
            version: number;
        };
        /**
         * Asked
         * @description What was asked of a run.
         */
        Asked: {
            /** Word */
            word: string;
        };
        /**
         * Board
         * @description A board as it is kept.
         */
        Board: {
            /**
             * About
             * @default
             */
            about: string;
            /**
             * Curves
             * @default [
             *       "loss"
             *     ]
             */
            curves: string[];
            /**
             * Entries
             * @default []
             */
            entries: components["schemas"]["Entry"][];
            /**
             * Frozen
             * @default {}
             */
            frozen: {
                [key: string]: unknown;
            };
            /** Id */
            id: string;
            /**
             * Is Lower Better
             * @default true
             */
            is_lower_better: boolean;
            /** Made */
            made: number;
            /** Metric */
            metric: string;
            /** Title */
            title: string;
        };
        /**
         * Changing
         * @description A report as somebody has changed it, with the version that they had read.
         */
        Changing: {
            /**
             * Blocks
             * @default []
             */
            blocks: (components["schemas"]["Text"] | components["schemas"]["Chart"] | components["schemas"]["Table"] | components["schemas"]["Picture"])[];
            /** Title */
            title: string;
            /** Version */
            version: number;
        };
        /**
         * Chart
         * @description Curves of runs over one axis. `smoothing` is the weight of what came before, from 0 on.
         */
        Chart: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            kind: "chart";
            /**
             * Log X
             * @default false
             */
            log_x: boolean;
            /**
             * Log Y
             * @default false
             */
            log_y: boolean;
            /** Metrics */
            metrics: string[];
            /** Runs */
            runs: string[];
            /**
             * Smoothing
             * @default 0
             */
            smoothing: number;
            /**
             * Title
             * @default
             */
            title: string;
            /**
             * X
             * @default step
             * @enum {string}
             */
            x: "step" | "tokens" | "time" | "flops" | "cost" | "energy";
        };
        /**
         * CheckpointEntry
         * @description A checkpoint: its path within the run's folder.
         */
        CheckpointEntry: {
            /** Bytes */
            bytes: number;
            /** Path */
            path: string;
            /** Step */
            step: number;
            /** Time */
            time: number;
        };
        /**
         * CheckpointsPage
         * @description Checkpoints by step, and models.
         */
        CheckpointsPage: {
            /** Checkpoints */
            checkpoints: components["schemas"]["CheckpointEntry"][];
            /** Models */
            models: components["schemas"]["ModelEntry"][];
        };
        /**
         * ComparedFigure
         * @description A figure of both versions; `paired` is the second less the first over the same units.
         */
        ComparedFigure: {
            /** First */
            first: number | ("NaN" | "Infinity" | "-Infinity") | null;
            /** Name */
            name: string;
            paired: components["schemas"]["PairedFigure"] | null;
            /** Second */
            second: number | ("NaN" | "Infinity" | "-Infinity") | null;
        };
        /**
         * ComparedRun
         * @description A run that is compared.
         */
        ComparedRun: {
            /** Name */
            name: string;
            /** Status */
            status: string;
            /** Step */
            step: number | null;
        };
        /**
         * Comparison
         * @description What differs: of config and outcome each entry with every run's value, in the order of `runs`.
         *
         *     `facts` are what trainings found as they began, such as the device and the memory that was foretold; `metrics` the
         *     names of the curves that any of them has.
         */
        Comparison: {
            /** Config */
            config: {
                [key: string]: unknown[];
            };
            /** Facts */
            facts: {
                [key: string]: unknown[];
            };
            /** Metrics */
            metrics: string[];
            /** Outcome */
            outcome: {
                [key: string]: unknown[];
            };
            /** Runs */
            runs: components["schemas"]["ComparedRun"][];
        };
        /**
         * ConsoleLine
         * @description A line as a terminal shows it in the end; `number` counts from 0 over all attempts of the rank.
         */
        ConsoleLine: {
            /** Attempt */
            attempt: number;
            /** Number */
            number: number;
            /** Step */
            step: number;
            /**
             * Stream
             * @enum {string}
             */
            stream: "stdout" | "stderr";
            /** Text */
            text: string;
            /** Time */
            time: number;
        };
        /**
         * ConsolePage
         * @description Lines of one rank, of `total`; `next` is where the next page or the search goes on. `ranks` have printed.
         */
        ConsolePage: {
            /** Lines */
            lines: components["schemas"]["ConsoleLine"][];
            /** Next */
            next: number | null;
            /** Ranks */
            ranks: number[];
            /** Total */
            total: number;
        };
        /**
         * Content
         * @description What somebody writes.
         */
        Content: {
            /**
             * Blocks
             * @default []
             */
            blocks: (components["schemas"]["Text"] | components["schemas"]["Chart"] | components["schemas"]["Table"] | components["schemas"]["Picture"])[];
            /** Title */
            title: string;
        };
        /**
         * ControlWord
         * @description `stop` after a checkpoint, or a `checkpoint` now.
         */
        ControlWord: {
            /**
             * Word
             * @enum {string}
             */
            word: "stop" | "checkpoint";
        };
        /**
         * Curve
         * @description A curve in buckets: steps from and to, lowest, highest and mean value of each.
         *
         *     `first` and `last` are where each begins and ends on the axis that was asked for, in `unit`. `writer` has told it.
         */
        Curve: {
            /** First */
            first: (number | ("NaN" | "Infinity" | "-Infinity"))[];
            /** First Steps */
            first_steps: number[];
            /** High */
            high: (number | ("NaN" | "Infinity" | "-Infinity"))[];
            /** Last */
            last: (number | ("NaN" | "Infinity" | "-Infinity"))[];
            /** Last Steps */
            last_steps: number[];
            /** Low */
            low: (number | ("NaN" | "Infinity" | "-Infinity"))[];
            /** Marks */
            marks: components["schemas"]["NonFiniteStretch"][];
            /** Mean */
            mean: (number | ("NaN" | "Infinity" | "-Infinity"))[];
            /** Unit */
            unit: string;
            /** Writer */
            writer: string;
        };
        /**
         * CurvesOfRuns
         * @description Curves of many runs. What a run does not have is left out.
         */
        CurvesOfRuns: {
            /** Runs */
            runs: {
                [key: string]: {
                    [key: string]: components["schemas"]["PackedCurve"];
                };
            };
        };
        /**
         * DataPage
         * @description Rows of one source; `lengths` and `trained` (tokens with weight) are of each sample that was looked at.
         *
         *     `context` is how many tokens the model sees, where that is known.
         */
        DataPage: {
            /** Context */
            context: number | null;
            /** Formats */
            formats: {
                [key: string]: number;
            };
            /** Lengths */
            lengths: number[];
            /** Next */
            next: number | null;
            /** Refused */
            refused: components["schemas"]["RefusedDataRow"][];
            /** Shown */
            shown: components["schemas"]["DataRow"][];
            /** Source */
            source: number;
            /** Sources */
            sources: string[];
            /** Trained */
            trained: number[];
        };
        /**
         * DataRow
         * @description A row with all its tokens; `part` tells the replies of a pair apart.
         */
        DataRow: {
            /** Kind */
            kind: string;
            /** Part */
            part: string;
            /** Row */
            row: number;
            /** Tokens */
            tokens: components["schemas"]["DataToken"][];
        };
        /**
         * DataToken
         * @description A token; weight 0 is context, all else is learned.
         */
        DataToken: {
            /** Id */
            id: number;
            /** Role */
            role: string;
            /** Text */
            text: string;
            /** Weight */
            weight: number;
        };
        /**
         * Diagnoses
         * @description What rules found in a run, the gravest first. `is_whole`: rules that go over all rows were asked too.
         */
        Diagnoses: {
            /** Diagnoses */
            diagnoses: components["schemas"]["Diagnosis"][];
            /** Is Whole */
            is_whole: boolean;
        };
        /**
         * Diagnosis
         * @description One finding. `link` is where the page shows it.
         */
        Diagnosis: {
            /** Figures */
            figures: components["schemas"]["EvidenceFigure"][];
            /** First Step */
            first_step: number;
            /** Kind */
            kind: string;
            /** Last Step */
            last_step: number;
            /** Link */
            link: string;
            remedy: components["schemas"]["Remedy"];
            /** Rows */
            rows: components["schemas"]["EvidenceRow"][];
            /**
             * Severity
             * @enum {string}
             */
            severity: "error" | "warning" | "info";
            what: components["schemas"]["Words"];
        };
        /**
         * Drift
         * @description Stretches of equally many requests, each measured by the first; `least` is the fewest that one may have, and of
         *     `sampled` the texts are read.
         */
        Drift: {
            /** Least */
            least: number;
            /** Sampled */
            sampled: number;
            /** Windows */
            windows: components["schemas"]["DriftWindow"][];
        };
        /**
         * DriftOf
         * @description One figure of a stretch of time, and how far it is from the first stretch: of numbers by their `median` and the
         *     Kolmogorov-Smirnov distance, of texts by what is `told` and the Jensen-Shannon divergence, of which as much as is
         *     `usual` comes of chance alone once in a thousand times.
         */
        DriftOf: {
            /** Chance */
            chance: number | null;
            /** Distance */
            distance: number | null;
            /** Median */
            median: number | null;
            /**
             * Statistic
             * @enum {string}
             */
            statistic: "ks" | "js";
            /** Told */
            told: string;
            /** Usual */
            usual: number | null;
        };
        /**
         * DriftWindow
         * @description A stretch of time.
         */
        DriftWindow: {
            /** Begin */
            begin: number;
            /** Count */
            count: number;
            /** End */
            end: number;
            /** Fields */
            fields: {
                [key: string]: components["schemas"]["DriftOf"];
            };
        };
        /**
         * EditedValues
         * @description What is set; what is left out stays as it is.
         */
        EditedValues: {
            /** Archived */
            archived?: boolean | null;
            /** Group */
            group?: string | null;
            /** Notes */
            notes?: string | null;
            /** Pinned */
            pinned?: boolean | null;
        };
        /**
         * Entering
         * @description A run to enter, with a note.
         */
        Entering: {
            /**
             * Note
             * @default
             */
            note: string;
            /** Run */
            run: string;
        };
        /**
         * Entry
         * @description A run as it was when it was entered: what it reached, what it took, and how to do it again.
         *
         *     `command` is what was typed; `config` what differs from the frozen settings; times are Unix times, energy in J.
         */
        Entry: {
            /**
             * By
             * @default
             */
            by: string;
            /** Command */
            command: string;
            /** Commit */
            commit: string;
            /** Config */
            config: {
                [key: string]: unknown;
            };
            /** Cost */
            cost: number | null;
            /** Curves */
            curves: {
                [key: string]: components["schemas"]["EntryCurve"];
            };
            /** Duration S */
            duration_s: number;
            /** Energy J */
            energy_j: number | null;
            /** Entered */
            entered: number;
            /** Hardware */
            hardware: string;
            /**
             * Note
             * @default
             */
            note: string;
            /** Run */
            run: string;
            /** Score */
            score: number;
            /** Step */
            step: number | null;
        };
        /**
         * EntryCurve
         * @description A curve in buckets over steps.
         */
        EntryCurve: {
            /** First */
            first: number[];
            /** High */
            high: unknown[];
            /** Last */
            last: number[];
            /** Low */
            low: unknown[];
            /** Mean */
            mean: unknown[];
        };
        /**
         * Environments
         * @description The environment at each start of the run, the oldest first, and what it took so far.
         */
        Environments: {
            /** Cost */
            cost: number | ("NaN" | "Infinity" | "-Infinity") | null;
            /** Energy J */
            energy_j: number | ("NaN" | "Infinity" | "-Infinity") | null;
            /** Starts */
            starts: {
                [key: string]: unknown;
            }[];
        };
        /**
         * EvaluationComparison
         * @description Evaluations of many runs: what can be compared stands together.
         */
        EvaluationComparison: {
            /** Baseline */
            baseline: string;
            /** Runs */
            runs: string[];
            /** Tasks */
            tasks: components["schemas"]["MeasuredTask"][];
        };
        /**
         * EvaluationEntry
         * @description What `whet evaluate` found: the result as it was written.
         */
        EvaluationEntry: {
            /** Path */
            path: string;
            /** Result */
            result: {
                [key: string]: unknown;
            };
            /** Task */
            task: string;
            /** Time */
            time: number;
        };
        /**
         * EvaluationsPage
         * @description Results, and the names of the curves of evaluations while training.
         */
        EvaluationsPage: {
            /** Curves */
            curves: string[];
            /** Evaluations */
            evaluations: components["schemas"]["EvaluationEntry"][];
        };
        /**
         * EventsPage
         * @description Events by time, of `total`.
         */
        EventsPage: {
            /** Events */
            events: components["schemas"]["RunEvent"][];
            /** Total */
            total: number;
        };
        /**
         * EvidenceFigure
         * @description A recorded number, its name by language; `unit` is `s`, `bytes`, `share` (of 1), another one, or empty.
         */
        EvidenceFigure: {
            /** Name */
            name: string;
            /** Step */
            step: number | null;
            /** Text */
            text: {
                [key: string]: string;
            };
            /** Unit */
            unit: string;
            /** Value */
            value: number | ("NaN" | "Infinity" | "-Infinity");
            /** Writer */
            writer: string;
        };
        /**
         * EvidenceRow
         * @description A row that a step learned from; `loss` is null where none was recorded.
         */
        EvidenceRow: {
            /** Loss */
            loss: number | ("NaN" | "Infinity" | "-Infinity") | null;
            /** Part */
            part: number;
            /** Rank */
            rank: string;
            /** Row */
            row: number;
            /** Source */
            source: string;
            /** Step */
            step: number;
            /** Tokens */
            tokens: number;
        };
        /**
         * FitQuestion
         * @description All ways to train a model on so many cards: `config` is the config.json of one that is not known.
         */
        FitQuestion: {
            /**
             * Config
             * @description a config.json, in place of a known model
             */
            config?: {
                [key: string]: unknown;
            } | null;
            /**
             * Gpu
             * @description the card
             * @default rtx-4090
             */
            gpu: string;
            /**
             * Gpus
             * @description how many of them
             * @default 1
             */
            gpus: number;
            /**
             * Length
             * @description tokens of the longest sample
             * @default 2048
             */
            length: number;
            /**
             * Model
             * @description a known model
             * @default llama-3.1-8b
             */
            model: string;
        };
        /**
         * Generation
         * @description What the model answered to a prompt at a step.
         */
        Generation: {
            /** Prompt */
            prompt: string;
            /** Step */
            step: number;
            /** Text */
            text: string;
            /** Time */
            time: number;
        };
        /**
         * GenerationsPage
         * @description Answers, and the steps and prompts that there are.
         */
        GenerationsPage: {
            /** Generations */
            generations: components["schemas"]["Generation"][];
            /** Prompts */
            prompts: string[];
            /** Steps */
            steps: number[];
            /** Total */
            total: number;
        };
        /** HTTPValidationError */
        HTTPValidationError: {
            /** Detail */
            detail?: components["schemas"]["ValidationError"][];
        };
        /**
         * HeldFile
         * @description A file of a version: its SHA-256, and how it is held: `reflink`, `hardlink` or `reference`.
         */
        HeldFile: {
            /** Bytes */
            bytes: number;
            /** Held */
            held: string;
            /** Path */
            path: string;
            /** Sha256 */
            sha256: string;
        };
        /**
         * HeldWeight
         * @description `count` weights of one shape that lie alike on some ranks; each axis that `cut`s them with the dimension.
         */
        HeldWeight: {
            /** Count */
            count: number;
            /** Cut */
            cut: {
                [key: string]: number;
            };
            /** Name */
            name: string;
            /** Ranks */
            ranks: number[];
            /** Shape */
            shape: number[];
        };
        /**
         * LedgerCount
         * @description How many rows were so.
         */
        LedgerCount: {
            /** Action */
            action: string;
            /** Count */
            count: number;
            /** Reason */
            reason: string;
        };
        /**
         * LedgerPage
         * @description Rows that did not come through whole, of `total`, and how many of each reason.
         */
        LedgerPage: {
            /** Counts */
            counts: components["schemas"]["LedgerCount"][];
            /** Rows */
            rows: components["schemas"]["LedgerRow"][];
            /** Total */
            total: number;
        };
        /**
         * LedgerRow
         * @description A row that did not come through whole.
         */
        LedgerRow: {
            /** Action */
            action: string;
            /** Detail */
            detail: string;
            /** Reason */
            reason: string;
            /** Row */
            row: number;
            /** Source */
            source: string;
        };
        /**
         * LineageGraph
         * @description Edges lead from what something was made of to what was made of it, by ids. `is_partial`: there is more.
         */
        LineageGraph: {
            /** Edges */
            edges: [
                string,
                string
            ][];
            /** Is Partial */
            is_partial: boolean;
            /** Nodes */
            nodes: components["schemas"]["LineageNode"][];
        };
        /**
         * LineageNode
         * @description Something in a run; `path` lies in its folder. `facts` of a row are its place and loss, of files their size.
         */
        LineageNode: {
            /** Facts */
            facts: {
                [key: string]: unknown;
            };
            /** Id */
            id: string;
            /**
             * Kind
             * @enum {string}
             */
            kind: "input" | "row" | "steps" | "checkpoint" | "model" | "evaluation";
            /** Path */
            path: string | null;
            /** Step */
            step: number | null;
            /** Text */
            text: string;
        };
        /**
         * ListedRun
         * @description A row of the listing, with the labels of MLflow's clients and, where it is asked for, its loss in a few means.
         */
        ListedRun: {
            /** Archived */
            archived: boolean;
            /** Attempts */
            attempts: number;
            /** Duration S */
            duration_s: number;
            /** Group */
            group: string;
            /** Labels */
            labels: {
                [key: string]: string;
            };
            /** Loss */
            loss: number | ("NaN" | "Infinity" | "-Infinity") | null;
            /** Name */
            name: string;
            /** Notes */
            notes: string;
            /** Pinned */
            pinned: boolean;
            /** Project */
            project: string;
            /** Reason */
            reason: string;
            /** Spark */
            spark?: (number | ("NaN" | "Infinity" | "-Infinity"))[] | null;
            /** Started */
            started: number | null;
            /**
             * Status
             * @enum {string}
             */
            status: "new" | "running" | "done" | "stopped" | "failed" | "killed";
            /** Step */
            step: number | null;
            /** Tags */
            tags: string[];
            /** Tokens Per S */
            tokens_per_s: number | ("NaN" | "Infinity" | "-Infinity") | null;
            /** Total */
            total: number | null;
        } & {
            [key: string]: unknown;
        };
        /**
         * ListingNews
         * @description An event `runs`: rows that have changed, and names of runs that are gone or that the filter takes no longer.
         */
        ListingNews: {
            /** Gone */
            gone: string[];
            /** Runs */
            runs: components["schemas"]["ListedRun"][];
            /** Version */
            version: number;
        };
        /**
         * Making
         * @description A task whose settings are given, or are the `settings` of a run that it is `like`.
         */
        Making: {
            /**
             * About
             * @default
             */
            about: string;
            /**
             * Curves
             * @default [
             *       "loss"
             *     ]
             */
            curves: string[];
            /**
             * Frozen
             * @default {}
             */
            frozen: {
                [key: string]: unknown;
            };
            /**
             * Is Lower Better
             * @default true
             */
            is_lower_better: boolean;
            /**
             * Like
             * @default
             */
            like: string;
            /** Metric */
            metric: string;
            /**
             * Settings
             * @default []
             */
            settings: string[];
            /** Title */
            title: string;
        };
        /**
         * MarkEntry
         * @description Something on the axis of steps that one can click: what, when, and a line about it.
         */
        MarkEntry: {
            /** Kind */
            kind: string;
            /** Step */
            step: number;
            /** Text */
            text: string;
            /** Time */
            time: number;
            /** Writer */
            writer: string;
        };
        /**
         * MarksPage
         * @description Checkpoints, evaluations, resumes, notices and alerts by step; of `total` so many as are told.
         */
        MarksPage: {
            /** Marks */
            marks: components["schemas"]["MarkEntry"][];
            /** Total */
            total: number;
        };
        /**
         * MeasuredCell
         * @description A figure of a run, with its 95 % interval and the units behind it; `against` the baseline, where there is one.
         */
        MeasuredCell: {
            against: components["schemas"]["Against"] | null;
            /** High */
            high: number | ("NaN" | "Infinity" | "-Infinity") | null;
            /** Is Best */
            is_best: boolean;
            /** Low */
            low: number | ("NaN" | "Infinity" | "-Infinity") | null;
            /** N */
            n: number | null;
            /** Value */
            value: number | ("NaN" | "Infinity" | "-Infinity");
        };
        /**
         * MeasuredFigure
         * @description A figure, and whether less of it is better; null where that is not known.
         */
        MeasuredFigure: {
            /** Less Is Better */
            less_is_better: boolean | null;
            /** Name */
            name: string;
        };
        /**
         * MeasuredRun
         * @description The newest result of a run, of `count`; `cells` in the order of the task's figures.
         *
         *     `path` is its file in the run's folder; empty for what was measured while the run trained, last at `step`.
         */
        MeasuredRun: {
            /** Cells */
            cells: (components["schemas"]["MeasuredCell"] | null)[];
            /** Count */
            count: number;
            /** Model */
            model: string;
            /** Path */
            path: string;
            /** Run */
            run: string;
            /** Step */
            step: number | null;
            /** Time */
            time: number | null;
        };
        /**
         * MeasuredTask
         * @description One task with equal settings on the same data, and the runs that have a result of it; `missing` have none.
         */
        MeasuredTask: {
            /** Figures */
            figures: components["schemas"]["MeasuredFigure"][];
            /** Missing */
            missing: string[];
            /** Rows */
            rows: components["schemas"]["MeasuredRun"][];
            /** Settings */
            settings: {
                [key: string]: unknown;
            };
            /** Task */
            task: string;
        };
        /**
         * MediaPage
         * @description What was logged beside numbers.
         */
        MediaPage: {
            /** Media */
            media: components["schemas"]["Medium"][];
        };
        /**
         * Medium
         * @description What was logged beside numbers at a step: entries, each with its path under `files` where it has one.
         */
        Medium: {
            /** Entries */
            entries: {
                [key: string]: unknown;
            }[];
            /** Name */
            name: string;
            /** Step */
            step: number;
            /** Time */
            time: number;
            /** Writer */
            writer: string;
        } & {
            [key: string]: unknown;
        };
        /**
         * Membership
         * @description A role in a project, or in all.
         */
        Membership: {
            /**
             * Project
             * @default *
             */
            project: string;
            /** Role */
            role: string;
        };
        /**
         * MeshPage
         * @description The mesh of a run on several ranks: sizes of its axes, outermost first, where ranks stand, and what they hold.
         */
        MeshPage: {
            /** Ranks */
            ranks: components["schemas"]["PlacedRank"][];
            /** Sizes */
            sizes: {
                [key: string]: number;
            };
            /** Weights */
            weights: components["schemas"]["HeldWeight"][];
        };
        /**
         * ModelEntry
         * @description A model that the run wrote, or an export.
         */
        ModelEntry: {
            /** Bytes */
            bytes: number;
            /** Path */
            path: string;
            /** Time */
            time: number;
        };
        /**
         * ModelHistory
         * @description What was done to a model, the latest first.
         */
        ModelHistory: {
            /** Changes */
            changes: components["schemas"]["RegistryChange"][];
            /** Total */
            total: number;
        };
        /**
         * ModelPatch
         * @description What is set of a model or a version; a tag of null is taken away, and what is left out stays.
         */
        ModelPatch: {
            /** Description */
            description?: string | null;
            /**
             * Tags
             * @default {}
             */
            tags: {
                [key: string]: string | null;
            };
        };
        /**
         * NewKey
         * @description What a key is for, and the most that it may do.
         */
        NewKey: {
            /**
             * Label
             * @default
             */
            label: string;
            /**
             * Role
             * @default editor
             */
            role: string;
        };
        /**
         * NewPerson
         * @description Somebody, with a role in a project or in all.
         */
        NewPerson: {
            /** Name */
            name: string;
            /**
             * Project
             * @default *
             */
            project: string;
            /**
             * Role
             * @default viewer
             */
            role: string;
        };
        /**
         * NewVersion
         * @description What becomes a version: the model of a run of this server, or a folder within the run; `alias` is to mean it.
         */
        NewVersion: {
            /** Alias */
            alias?: string | null;
            /** Base */
            base?: string | null;
            /** Description */
            description?: string | null;
            /**
             * Folder
             * @default
             */
            folder: string;
            /** Kind */
            kind?: string | null;
            /** Licence */
            licence?: string | null;
            /** Run */
            run: string;
        };
        /**
         * News
         * @description What has come since a cursor, and the next cursor.
         */
        News: {
            /** Cursor */
            cursor: {
                [key: string]: number;
            };
            /** Events */
            events: components["schemas"]["RunEvent"][];
            /** Points */
            points: components["schemas"]["PointsPart"][];
        };
        /**
         * NonFiniteStretch
         * @description Points one behind the other that are no finite numbers.
         */
        NonFiniteStretch: {
            /** Count */
            count: number;
            /** First Step */
            first_step: number;
            /**
             * Kind
             * @enum {string}
             */
            kind: "NaN" | "Infinity" | "-Infinity";
            /** Last Step */
            last_step: number;
        };
        /**
         * PackedCurve
         * @description A curve in buckets, its arrays in base64: `first` and `last` are little-endian f64, all others f32.
         *
         *     `low` and `high` are as large as in the curve or a rounding beyond.
         */
        PackedCurve: {
            /** Count */
            count: number;
            /** First */
            first: string;
            /** High */
            high: string;
            /** Last */
            last: string;
            /** Low */
            low: string;
            /** Marks */
            marks: components["schemas"]["NonFiniteStretch"][];
            /** Mean */
            mean: string;
            /** Unit */
            unit: string;
        };
        /**
         * PairedFigure
         * @description By how much a figure is above that of another version, over `n` pairs, with its 95 % interval.
         */
        PairedFigure: {
            /** Difference */
            difference: number | ("NaN" | "Infinity" | "-Infinity");
            /** High */
            high: number | ("NaN" | "Infinity" | "-Infinity");
            /** Low */
            low: number | ("NaN" | "Infinity" | "-Infinity");
            /** N */
            n: number;
            /** Name */
            name: string;
        };
        /**
         * Picture
         * @description A picture of a run, by its path in the run folder.
         */
        Picture: {
            /**
             * Caption
             * @default
             */
            caption: string;
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            kind: "picture";
            /** Path */
            path: string;
            /** Run */
            run: string;
        };
        /**
         * PlacedRank
         * @description A rank, its place on each axis of the mesh, and the bytes of weights that lie on it.
         */
        PlacedRank: {
            /** Bytes */
            bytes: number;
            /** Place */
            place: {
                [key: string]: number;
            };
            /** Rank */
            rank: number;
        };
        /**
         * PlanArchitecture
         * @description A class of models: what a config calls its sizes, its weights with their shapes, and the memory of a step in each
         *     mode, as bytes by expression.
         */
        PlanArchitecture: {
            /** Adapted */
            adapted: string[];
            /** Changes */
            changes: {
                [key: string]: unknown;
            };
            /** Ends */
            ends: unknown[];
            /** Layers */
            layers: {
                [key: string]: unknown;
            };
            /** Memory */
            memory: {
                [key: string]: unknown;
            };
            /** Model Type */
            model_type: string;
            /** Names */
            names: {
                [key: string]: string;
            };
            /** Tied */
            tied: boolean;
        };
        /**
         * PlanBeside
         * @description Memory that was planned for a run beside what was measured: `components` are bytes of the planned peak, and `why`
         *     says, by setting, why what was `auto` is what it is.
         */
        PlanBeside: {
            /** Components */
            components: {
                [key: string]: number | ("NaN" | "Infinity" | "-Infinity");
            };
            /** Moment */
            moment: string | null;
            /** Rows */
            rows: components["schemas"]["PlanRow"][];
            /** Why */
            why: {
                [key: string]: string;
            };
        };
        /**
         * PlanCard
         * @description A card: what a process may take of it, its figures by name, and how its memory is known.
         */
        PlanCard: {
            /** Device */
            device: string;
            /** Figures */
            figures: {
                [key: string]: number;
            };
            /** How */
            how: string;
            /** Kind */
            kind: string;
            /** Name */
            name: string;
            /** Usable Bytes */
            usable_bytes: number;
            /** Vendor */
            vendor: string;
        };
        /**
         * PlanChoices
         * @description What there is to choose from: `words` are what each mode adds to a command, `form` is the schema of how;
         *     `narrowed` are optimizers whose state may be kept in another format, `traced` classes that have formulas.
         */
        PlanChoices: {
            /** Assumed */
            assumed: {
                [key: string]: unknown;
            };
            /** Cards */
            cards: components["schemas"]["PlanCard"][];
            /** Form */
            form: {
                [key: string]: unknown;
            };
            /** Models */
            models: components["schemas"]["PlanModel"][];
            /** Narrowed */
            narrowed: string[];
            /** Traced */
            traced: string[];
            /** Words */
            words: {
                [key: string]: string[];
            };
        };
        /**
         * PlanMeasured
         * @description What finished runs have moved; nothing where too few agree.
         */
        PlanMeasured: {
            /** Measured */
            measured: {
                [key: string]: unknown;
            } | null;
        };
        /**
         * PlanModel
         * @description A known model, with its config as it is published.
         */
        PlanModel: {
            /** Config */
            config: {
                [key: string]: unknown;
            };
            /** Context */
            context: number | null;
            /** Name */
            name: string;
            /** Parameters */
            parameters: number;
            /** Short */
            short: string;
        };
        /**
         * PlanRow
         * @description Bytes of a part of memory: as planned, as measured, and by which share of what was planned they differ.
         */
        PlanRow: {
            /** Apart */
            apart: number | ("NaN" | "Infinity" | "-Infinity") | null;
            /** Measured */
            measured: number | ("NaN" | "Infinity" | "-Infinity") | null;
            /** Name */
            name: string;
            /** Planned */
            planned: number | ("NaN" | "Infinity" | "-Infinity") | null;
        };
        /**
         * PlanWay
         * @description A way to train, with its memory at the most tokens at once that fit, and with one sample at once.
         */
        PlanWay: {
            /** Fits */
            fits: boolean;
            /** Learns */
            learns: string;
            /** Least Bytes */
            least_bytes: number;
            /** Micro Batch */
            micro_batch: number;
            /** Peak */
            peak: string;
            /** Peak Bytes */
            peak_bytes: number;
            /** Settings */
            settings: string[];
            /** Tokens Per S */
            tokens_per_s: number | null;
            /** Why Not */
            why_not: string | null;
        };
        /**
         * PlanWays
         * @description The way that is `chosen`; it and those that none beats (`front`), those of its kind first; by what ways learn why
         *     they do not fit; and meshes in the order in which they were tried.
         */
        PlanWays: {
            /** Beaten */
            beaten: number;
            chosen: components["schemas"]["PlanWay"] | null;
            /** Front */
            front: components["schemas"]["PlanWay"][];
            /** Meshes */
            meshes: {
                [key: string]: string;
            }[];
            /** Reasons */
            reasons: {
                [key: string]: unknown;
            }[];
        };
        /**
         * PlaygroundAnswer
         * @description An answer by its engine and its id.
         */
        PlaygroundAnswer: {
            /** Engine */
            engine: string;
            /** Id */
            id: string;
        };
        /**
         * PlaygroundChat
         * @description A conversation to be answered; tools are definitions as OpenAI has them.
         */
        PlaygroundChat: {
            /** Messages */
            messages: {
                [key: string]: unknown;
            }[];
            /**
             * @default {
             *       "max_tokens": 512,
             *       "stop": []
             *     }
             */
            settings: components["schemas"]["Sampling"];
            /**
             * Tools
             * @default []
             */
            tools: {
                [key: string]: unknown;
            }[];
        };
        /**
         * PlaygroundChoice
         * @description A model by the name that commands know it by.
         */
        PlaygroundChoice: {
            /** Aliases */
            aliases: string[];
            /** Is Adapter */
            is_adapter: boolean;
            /**
             * Kind
             * @enum {string}
             */
            kind: "run" | "checkpoint" | "export" | "version";
            /** Made */
            made: number;
            /** Model */
            model: string;
            /** Run */
            run: string;
        };
        /**
         * PlaygroundChoices
         * @description Some of `total`, the newest first.
         */
        PlaygroundChoices: {
            /** Models */
            models: components["schemas"]["PlaygroundChoice"][];
            /** Total */
            total: number;
        };
        /**
         * PlaygroundEngine
         * @description A model that is served, or why it is not: `message` and `hint`. `idle_s` counts from the last answer. One that
         *     is not `ours` was there before.
         */
        PlaygroundEngine: {
            /** Began */
            began: number;
            /** Hint */
            hint: string;
            /** Id */
            id: string;
            /** Idle S */
            idle_s: number;
            /** Is Ours */
            is_ours: boolean;
            /** Message */
            message: string;
            /** Model */
            model: string;
            /**
             * State
             * @enum {string}
             */
            state: "starting" | "ready" | "failed" | "ended";
        };
        /**
         * PlaygroundPrompt
         * @description A conversation as the model reads it: its tokens with their texts, and how many the model sees at most.
         */
        PlaygroundPrompt: {
            /** Context */
            context: number | null;
            /** Count */
            count: number;
            /** Texts */
            texts: string[];
            /** Tokens */
            tokens: number[];
        };
        /**
         * PlaygroundStart
         * @description A model by a name of the choices, or by a reference to the registry.
         */
        PlaygroundStart: {
            /** Model */
            model: string;
        };
        /**
         * PlaygroundState
         * @description Engines, the schema of the settings, and where votes are kept with how many rows there are.
         */
        PlaygroundState: {
            /** Engines */
            engines: components["schemas"]["PlaygroundEngine"][];
            /** Folder */
            folder: string;
            /** Form */
            form: {
                [key: string]: unknown;
            };
            /** Idle After S */
            idle_after_s: number;
            /** Most */
            most: number;
            /** Rows */
            rows: {
                [key: string]: number;
            };
        };
        /**
         * PlaygroundVote
         * @description Which of two answers is better, or that one or both are good or bad.
         */
        PlaygroundVote: {
            /**
             * Comment
             * @default
             */
            comment: string;
            first: components["schemas"]["PlaygroundAnswer"];
            /**
             * Is Blind
             * @default false
             */
            is_blind: boolean;
            /**
             * Said
             * @enum {string}
             */
            said: "first" | "second" | "good" | "bad";
            second?: components["schemas"]["PlaygroundAnswer"] | null;
        };
        /**
         * PlaygroundVoted
         * @description The rows that a vote came to, by file.
         */
        PlaygroundVoted: {
            /** Rows */
            rows: {
                [key: string]: number;
            };
        };
        /**
         * PointsPage
         * @description Points of a curve; `next` is where the next page begins.
         */
        PointsPage: {
            /** Next */
            next: number | null;
            /** Steps */
            steps: number[];
            /** Times */
            times: number[];
            /** Total */
            total: number;
            /** Values */
            values: (number | ("NaN" | "Infinity" | "-Infinity"))[];
        };
        /**
         * PointsPart
         * @description Points of a curve that one attempt of a writer has logged.
         */
        PointsPart: {
            /** Attempt */
            attempt: number;
            /** Name */
            name: string;
            /** Steps */
            steps: number[];
            /** Times */
            times: number[];
            /** Values */
            values: (number | ("NaN" | "Infinity" | "-Infinity"))[];
            /** Writer */
            writer: string;
        };
        /**
         * PolicySet
         * @description What every promotion to an alias requires; null takes it away.
         */
        PolicySet: {
            /** Require */
            require: string | null;
        };
        /**
         * Promoted
         * @description What was done: the alias means `number` instead of `before`.
         */
        Promoted: {
            /** Alias */
            alias: string;
            /** Before */
            before: number | null;
            /** Compared */
            compared: components["schemas"]["PairedFigure"][];
            /** Figures */
            figures: {
                [key: string]: number | ("NaN" | "Infinity" | "-Infinity") | string | null;
            };
            /** Name */
            name: string;
            /** Number */
            number: number;
            /** Policy */
            policy: string;
            /** Require */
            require: string;
        };
        /**
         * Promotion
         * @description Which version is promoted (its number, or the alias that it has), to which alias, on which condition.
         *
         *     `keep` makes the condition the alias's policy; `past_policy` leaves that out.
         */
        Promotion: {
            /**
             * Keep
             * @default false
             */
            keep: boolean;
            /**
             * Past Policy
             * @default false
             */
            past_policy: boolean;
            /**
             * Require
             * @default
             */
            require: string;
            /** To */
            to: string;
            /** Version */
            version: number | string;
        };
        /**
         * RankMatrix
         * @description Means of a curve by rank (rows) and between `edges` of steps (columns).
         */
        RankMatrix: {
            /** Edges */
            edges: number[];
            /** Means */
            means: (number | ("NaN" | "Infinity" | "-Infinity"))[][];
            /** Name */
            name: string;
            /** Ranks */
            ranks: number[];
        };
        /**
         * RefusedDataRow
         * @description A row that training would skip, and why.
         */
        RefusedDataRow: {
            /** Detail */
            detail: string;
            /** Hint */
            hint: string | null;
            /** Reason */
            reason: string;
            /** Row */
            row: number;
        };
        /**
         * RegisteredModel
         * @description A model with its versions, the newest first. `policies` are what promotions to an alias require.
         */
        RegisteredModel: {
            /** Aliases */
            aliases: {
                [key: string]: number;
            };
            /** Created */
            created: number;
            /** Description */
            description: string;
            /** Name */
            name: string;
            /** Policies */
            policies: {
                [key: string]: string;
            };
            /** Tags */
            tags: {
                [key: string]: string;
            };
            /** Updated */
            updated: number;
            /** Versions */
            versions: components["schemas"]["VersionRow"][];
        };
        /**
         * RegistryChange
         * @description Something that was done to a model: `op` says what, `text` says it in words; `time` is Unix time.
         */
        RegistryChange: {
            /** By */
            by: string;
            /** Details */
            details: {
                [key: string]: unknown;
            };
            /** Op */
            op: string;
            /** Text */
            text: string;
            /** Time */
            time: number;
            /** Version */
            version: number | null;
        };
        /**
         * Remedy
         * @description What to do, and a command or setting to type.
         */
        Remedy: {
            /** Id */
            id: string;
            /** Parameters */
            parameters: {
                [key: string]: unknown;
            };
            /** Text */
            text: {
                [key: string]: string;
            };
            /** Typed */
            typed: string;
        };
        /**
         * Report
         * @description A report as it is kept: its id, how many times it was written, when (Unix time) and by whom.
         */
        Report: {
            /**
             * Author
             * @default
             */
            author: string;
            /**
             * Blocks
             * @default []
             */
            blocks: (components["schemas"]["Text"] | components["schemas"]["Chart"] | components["schemas"]["Table"] | components["schemas"]["Picture"])[];
            /** Changed */
            changed: number;
            /** Id */
            id: string;
            /** Made */
            made: number;
            /** Title */
            title: string;
            /** Version */
            version: number;
        };
        /**
         * RequestList
         * @description Some of `total` rows, of which there are `of` without a filter, and the names that a filter may use.
         */
        RequestList: {
            /** Names */
            names: string[];
            /** Of */
            of: number;
            /** Requests */
            requests: components["schemas"]["RequestRow"][];
            /** Total */
            total: number;
        };
        /**
         * RequestMessage
         * @description A message of a trace.
         */
        RequestMessage: {
            /** Parts */
            parts: {
                [key: string]: unknown;
            }[];
            /** Role */
            role: string;
        };
        /**
         * RequestPage
         * @description One trace: its row, its stretches by their start, its messages where they were kept, and what was said.
         */
        RequestPage: {
            /** Answered */
            answered: components["schemas"]["RequestMessage"][];
            /** Asked */
            asked: components["schemas"]["RequestMessage"][];
            /** Parts */
            parts: components["schemas"]["TracePart"][];
            row: components["schemas"]["RequestRow"];
            /** Said */
            said: {
                [key: string]: unknown;
            }[];
        };
        /**
         * RequestRow
         * @description A trace in a row: times in seconds, `said` what people said of the answer, texts where they were kept.
         */
        RequestRow: {
            /** Adapter */
            adapter: string | null;
            /** Answer Id */
            answer_id: string | null;
            /** Answer Tokens */
            answer_tokens: number | null;
            /** Answered */
            answered: string | null;
            /** Asked */
            asked: string | null;
            /** Cached Tokens */
            cached_tokens: number | null;
            /** Cost */
            cost: number | null;
            /** Duration S */
            duration_s: number;
            /** Finish */
            finish: string | null;
            /** First Token S */
            first_token_s: number | null;
            /** Id */
            id: string;
            /** Key */
            key: string | null;
            /** Model */
            model: string | null;
            /** Name */
            name: string;
            /** Prompt Tokens */
            prompt_tokens: number | null;
            /** Reason */
            reason: string;
            /** Said */
            said: string;
            /** Scores */
            scores: {
                [key: string]: number;
            };
            /**
             * Status
             * @enum {string}
             */
            status: "ok" | "error";
            /** Time */
            time: number;
            /** Version */
            version: string | null;
        };
        /**
         * RequestScores
         * @description Scores by time and version, and when what scored them, the latest first.
         */
        RequestScores: {
            /** Curves */
            curves: components["schemas"]["ScoreCurve"][];
            /** Scorings */
            scorings: components["schemas"]["ScoringTime"][];
        };
        /**
         * RolloutAnswer
         * @description An answer: its reward in all and of each reward (None: it abstained or failed), and what was learned of it.
         *
         *     `messages` are the turns after the prompt, where tools were called; `failures` are tools that failed: name, reason,
         *     message. `fields` are the objective's, such as `advantage`.
         */
        RolloutAnswer: {
            /** Failures */
            failures: string[][];
            /** Fields */
            fields: {
                [key: string]: number | ("NaN" | "Infinity" | "-Infinity");
            };
            /** Figures */
            figures: {
                [key: string]: number | ("NaN" | "Infinity" | "-Infinity");
            };
            /** Finish */
            finish: string;
            /** Messages */
            messages: components["schemas"]["RolloutMessage"][];
            /** Reward */
            reward: number | ("NaN" | "Infinity" | "-Infinity") | null;
            /** Scores */
            scores: {
                [key: string]: number | ("NaN" | "Infinity" | "-Infinity") | null;
            };
            /** Text */
            text: string;
            /** Tokens */
            tokens: number;
        };
        /**
         * RolloutEntry
         * @description A prompt with its answers, which were learned from at `step` on.
         */
        RolloutEntry: {
            /** Answers */
            answers: components["schemas"]["RolloutAnswer"][];
            /** Prompt */
            prompt: components["schemas"]["RolloutMessage"][];
            /** Row */
            row: number;
            /** Source */
            source: string;
            /** Step */
            step: number;
            /** Time */
            time: number;
        };
        /**
         * RolloutMessage
         * @description A turn of a conversation.
         */
        RolloutMessage: {
            /** Content */
            content: string;
            /** Role */
            role: string;
            /** Tool Calls */
            tool_calls?: unknown[] | null;
        } & {
            [key: string]: unknown;
        };
        /**
         * RolloutsPage
         * @description Rollouts by step, of `total`; `steps` are those that have any.
         */
        RolloutsPage: {
            /** Rollouts */
            rollouts: components["schemas"]["RolloutEntry"][];
            /** Steps */
            steps: number[];
            /** Total */
            total: number;
        };
        /**
         * RunEvent
         * @description Something that happened at a step; `time` is Unix time.
         */
        RunEvent: {
            /** Attempt */
            attempt: number;
            /** Kind */
            kind: string;
            /** Payload */
            payload: {
                [key: string]: unknown;
            };
            /** Step */
            step: number;
            /** Time */
            time: number;
            /** Writer */
            writer: string;
        };
        /**
         * RunFile
         * @description A file of a run, by its path within the run's folder.
         */
        RunFile: {
            /** Bytes */
            bytes: number;
            /** Path */
            path: string;
        };
        /**
         * RunList
         * @description A page of the listing; `total` runs are so, and `names` are what filters and columns can ask for.
         *
         *     `version` is what `live` goes on from.
         */
        RunList: {
            /** Names */
            names: string[];
            /** Runs */
            runs: components["schemas"]["ListedRun"][];
            /** Total */
            total: number;
            /** Version */
            version: number;
        };
        /**
         * RunNews
         * @description An event `news`: what has come since the cursor, and how the run stands.
         *
         *     An event `reload` has only the `cursor`: so much has come that it is better to draw the curves anew.
         */
        RunNews: {
            /** Cursor */
            cursor: {
                [key: string]: number;
            };
            /** Events */
            events: components["schemas"]["RunEvent"][];
            /** Points */
            points: components["schemas"]["PointsPart"][];
            /** Reason */
            reason: string;
            /**
             * Status
             * @enum {string}
             */
            status: "new" | "running" | "done" | "stopped" | "failed" | "killed";
        };
        /**
         * RunPage
         * @description One run: its row, what it says of itself, its curves, its writers, and where its logs break.
         *
         *     `is_controlled` says whether it is a training, which can be asked to stop or to write a checkpoint while it runs.
         */
        RunPage: {
            /** About */
            about: {
                [key: string]: unknown;
            };
            /** Archived */
            archived: boolean;
            /** Attempts */
            attempts: number;
            /** Breaks */
            breaks: [
                string,
                number,
                number
            ][];
            /** Config */
            config: {
                [key: string]: unknown;
            };
            /** Cursor */
            cursor: {
                [key: string]: number;
            };
            /** Dropped */
            dropped: number;
            /** Duration S */
            duration_s: number;
            /** Files */
            files: components["schemas"]["RunFile"][];
            /** Group */
            group: string;
            /** Is Controlled */
            is_controlled: boolean;
            /** Labels */
            labels: {
                [key: string]: string;
            };
            /** Loss */
            loss: number | ("NaN" | "Infinity" | "-Infinity") | null;
            /** Metrics */
            metrics: string[];
            /** Name */
            name: string;
            /** Newer */
            newer: string[];
            /** Notes */
            notes: string;
            /** Pinned */
            pinned: boolean;
            /** Project */
            project: string;
            /** Reason */
            reason: string;
            /** Spans */
            spans: [
                number,
                number
            ][];
            /** Started */
            started: number | null;
            /**
             * Status
             * @enum {string}
             */
            status: "new" | "running" | "done" | "stopped" | "failed" | "killed";
            /** Step */
            step: number | null;
            /** Summary */
            summary: {
                [key: string]: unknown;
            };
            /** Tags */
            tags: string[];
            /** Tokens Per S */
            tokens_per_s: number | ("NaN" | "Infinity" | "-Infinity") | null;
            /** Total */
            total: number | null;
            /** Writers */
            writers: string[];
        } & {
            [key: string]: unknown;
        };
        /**
         * RunsEdited
         * @description Rows as they are now, and the patches that take the change back: runs that were unlike need one each.
         */
        RunsEdited: {
            /** Runs */
            runs: components["schemas"]["ListedRun"][];
            /** Undo */
            undo: components["schemas"]["RunsPatch"][];
            /** Version */
            version: number;
        };
        /**
         * RunsPatch
         * @description The same changes of several runs.
         */
        RunsPatch: {
            /**
             * Add Tags
             * @default []
             */
            add_tags: string[];
            /** Names */
            names: string[];
            /**
             * Remove Tags
             * @default []
             */
            remove_tags: string[];
            /** @default {} */
            set: components["schemas"]["EditedValues"];
        };
        /**
         * Sampling
         * @description What is not said is as the model's authors recommend.
         */
        Sampling: {
            /** Frequency Penalty */
            frequency_penalty?: number | null;
            /**
             * Max Tokens
             * @description The longest answer, in tokens.
             * @default 512
             */
            max_tokens: number;
            /** Min P */
            min_p?: number | null;
            /** Presence Penalty */
            presence_penalty?: number | null;
            /** Repetition Penalty */
            repetition_penalty?: number | null;
            /** Seed */
            seed?: number | null;
            /**
             * Stop
             * @description Texts that end an answer.
             * @default []
             */
            stop: string[];
            /** Temperature */
            temperature?: number | null;
            /** Top K */
            top_k?: number | null;
            /** Top P */
            top_p?: number | null;
        };
        /**
         * ScoreCurve
         * @description A score of one version of a model over time.
         */
        ScoreCurve: {
            /** Model */
            model: string;
            /** Points */
            points: components["schemas"]["ScorePoint"][];
            /** Score */
            score: string;
            /** Version */
            version: string;
        };
        /**
         * ScorePoint
         * @description A stretch of requests that were scored: their mean, and where those of samples drawn anew lie (95 %).
         */
        ScorePoint: {
            /** Begin */
            begin: number;
            /** Count */
            count: number;
            /** End */
            end: number;
            /** High */
            high: number | null;
            /** Low */
            low: number | null;
            /** Mean */
            mean: number;
        };
        /**
         * ScoringTime
         * @description Once that requests were scored: by what (`about`: rewards with their settings, prompts), and what it has cost.
         */
        ScoringTime: {
            /** About */
            about: {
                [key: string]: unknown;
            };
            /** Cost */
            cost: number | null;
            /** Num */
            num: number;
            /** Time */
            time: number;
        };
        /**
         * SignIn
         * @description A name and its password.
         */
        SignIn: {
            /** Name */
            name: string;
            /** Password */
            password: string;
        };
        /**
         * StepRow
         * @description A row that a step learned from, and what was known of it (`reward`, ...). `text` stands in its source now.
         */
        StepRow: {
            /** Batch */
            batch?: number | null;
            /** Digest */
            digest?: number | null;
            /** Loss */
            loss?: number | ("NaN" | "Infinity" | "-Infinity") | null;
            /** Part */
            part: number;
            /** Rank */
            rank: string;
            /** Row */
            row: number;
            /** Sample */
            sample?: number | null;
            /** Source */
            source: string;
            /** Text */
            text: string | null;
            /** Tokens */
            tokens?: number | null;
        } & {
            [key: string]: unknown;
        };
        /**
         * StepRows
         * @description The rows of a step, those with the highest loss first, of `total`.
         */
        StepRows: {
            /** Epoch */
            epoch: number | ("NaN" | "Infinity" | "-Infinity");
            /** Rows */
            rows: components["schemas"]["StepRow"][];
            /** Step */
            step: number;
            /** Total */
            total: number;
        };
        /**
         * StepTokens
         * @description Rows of a step whose tokens were recorded one by one; `steps` are those that have any.
         */
        StepTokens: {
            /** Rows */
            rows: components["schemas"]["TokensOfRow"][];
            /** Steps */
            steps: number[];
        };
        /**
         * Table
         * @description Entries of runs, a line each.
         */
        Table: {
            /** Columns */
            columns: string[];
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            kind: "table";
            /** Runs */
            runs: string[];
            /**
             * Title
             * @default
             */
            title: string;
        };
        /**
         * Text
         * @description Text in Markdown.
         */
        Text: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            kind: "text";
            /**
             * Text
             * @default
             */
            text: string;
        };
        /**
         * TokensOfRow
         * @description A row's tokens: `ids` and `texts` of all; of those that were trained their `places`, `targets` and `losses`.
         *
         *     `texts` are None where the run's tokenizer cannot be read.
         */
        TokensOfRow: {
            /** Ids */
            ids: number[];
            /** Losses */
            losses: (number | ("NaN" | "Infinity" | "-Infinity"))[];
            /** Part */
            part: number;
            /** Places */
            places: number[];
            /** Rank */
            rank: string;
            /** Row */
            row: number;
            /** Source */
            source: string;
            /** Step */
            step: number;
            /** Target Texts */
            target_texts: string[] | null;
            /** Targets */
            targets: number[];
            /** Texts */
            texts: string[] | null;
        };
        /**
         * TracePart
         * @description A stretch of a trace: seconds from its beginning.
         */
        TracePart: {
            /** Attributes */
            attributes: {
                [key: string]: unknown;
            };
            /** Begin S */
            begin_s: number;
            /** End S */
            end_s: number;
            /** Id */
            id: string;
            /** Name */
            name: string;
            /** Parent */
            parent: string;
            /** Status */
            status: string;
        };
        /** ValidationError */
        ValidationError: {
            /** Context */
            ctx?: Record<string, never>;
            /** Input */
            input?: unknown;
            /** Location */
            loc: (string | number)[];
            /** Message */
            msg: string;
            /** Error Type */
            type: string;
        };
        /**
         * Verified
         * @description What is wrong with the files of a version; nothing where all are as they were.
         */
        Verified: {
            /** Damage */
            damage: string[];
        };
        /**
         * VersionComparison
         * @description Two versions: facts that differ (first, second), figures, and files that are alike, changed, or of one alone.
         */
        VersionComparison: {
            /** Alike */
            alike: string[];
            /** Changed */
            changed: string[];
            /** Facts */
            facts: {
                [key: string]: [
                    string | number | null,
                    string | number | null
                ];
            };
            /** Figures */
            figures: components["schemas"]["ComparedFigure"][];
            /** First */
            first: string;
            /** Only First */
            only_first: string[];
            /** Only Second */
            only_second: string[];
            /** Second */
            second: string;
        };
        /**
         * VersionList
         * @description Versions that a filter takes; `names` are what filters can ask for.
         */
        VersionList: {
            /** Names */
            names: string[];
            /** Total */
            total: number;
            /** Versions */
            versions: components["schemas"]["VersionRow"][];
        };
        /**
         * VersionPage
         * @description A version in full: its row, what its manifest says, its files, its evaluations, and who refers to it.
         */
        VersionPage: {
            /** About */
            about: {
                [key: string]: unknown;
            };
            /** Evaluations */
            evaluations: {
                [key: string]: unknown;
            }[];
            /** Files */
            files: components["schemas"]["HeldFile"][];
            /** Manifest */
            manifest: string;
            /** Referring */
            referring: string[];
            row: components["schemas"]["VersionRow"];
        };
        /**
         * VersionRemoved
         * @description A removed version: its bytes, those that the disk has got back, and who referred to it.
         */
        VersionRemoved: {
            /** Bytes */
            bytes: number;
            /** Freed Bytes */
            freed_bytes: number;
            /** Name */
            name: string;
            /** Referring */
            referring: string[];
        };
        /**
         * VersionRow
         * @description A version in a listing. Its figures stand beside these, as `accuracy` and `task/accuracy`; tags as `tag.KEY`.
         *
         *     `created` is Unix time.
         */
        VersionRow: {
            /** Alias */
            alias: string[];
            /** Architecture */
            architecture: string | null;
            /** Base */
            base: string | null;
            /** By */
            by: string | null;
            /** Bytes */
            bytes: number;
            /** Created */
            created: number;
            /** Description */
            description: string;
            /** Kind */
            kind: string;
            /** Licence */
            licence: string | null;
            /** Name */
            name: string;
            /** Package */
            package: string | null;
            /** Run */
            run: string | null;
            /** Source */
            source: string | null;
            /** Stage */
            stage: string;
            /** Step */
            step: number | null;
            /** Version */
            version: number;
        } & {
            [key: string]: unknown;
        };
        /**
         * Words
         * @description A text by the id that the catalogue has it under, what is put into it, and how it reads by language.
         */
        Words: {
            /** Id */
            id: string;
            /** Parameters */
            parameters: {
                [key: string]: unknown;
            };
            /** Text */
            text: {
                [key: string]: string;
            };
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    proxied_list_api_2_0_mlflow_artifacts_artifacts_get: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
        };
    };
    download_api_2_0_mlflow_artifacts_artifacts__path__get: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                path: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    upload_api_2_0_mlflow_artifacts_artifacts__path__put: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                path: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    delete_api_2_0_mlflow_artifacts_artifacts__path__delete: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                path: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    listed_api_2_0_mlflow_artifacts_list_get: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
        };
    };
    create_api_2_0_mlflow_experiments_create_post: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
        };
    };
    delete_api_2_0_mlflow_experiments_delete_post: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
        };
    };
    delete_tag_api_2_0_mlflow_experiments_delete_experiment_tag_post: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
        };
    };
    get_api_2_0_mlflow_experiments_get_get: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
        };
    };
    get_by_name_api_2_0_mlflow_experiments_get_by_name_get: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
        };
    };
    restore_api_2_0_mlflow_experiments_restore_post: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
        };
    };
    search_api_2_0_mlflow_experiments_search_get: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
        };
    };
    search_api_2_0_mlflow_experiments_search_post: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
        };
    };
    set_tag_api_2_0_mlflow_experiments_set_experiment_tag_post: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
        };
    };
    update_api_2_0_mlflow_experiments_update_post: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
        };
    };
    create_api_2_0_mlflow_logged_models_post: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
        };
    };
    search_api_2_0_mlflow_logged_models_search_post: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
        };
    };
    get_api_2_0_mlflow_logged_models__id__get: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    delete_api_2_0_mlflow_logged_models__id__delete: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    finalize_api_2_0_mlflow_logged_models__id__patch: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    artifacts_api_2_0_mlflow_logged_models__id__artifacts_directories_get: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    log_params_api_2_0_mlflow_logged_models__id__params_post: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    set_tags_api_2_0_mlflow_logged_models__id__tags_patch: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    delete_tag_api_2_0_mlflow_logged_models__id__tags__key__delete: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
                key: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    get_history_api_2_0_mlflow_metrics_get_history_get: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
        };
    };
    get_histories_api_2_0_mlflow_metrics_get_history_bulk_interval_get: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
        };
    };
    create_api_2_0_mlflow_model_versions_create_post: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
        };
    };
    delete_api_2_0_mlflow_model_versions_delete_delete: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
        };
    };
    delete_tag_api_2_0_mlflow_model_versions_delete_tag_delete: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
        };
    };
    get_api_2_0_mlflow_model_versions_get_get: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
        };
    };
    get_download_uri_api_2_0_mlflow_model_versions_get_download_uri_get: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
        };
    };
    search_api_2_0_mlflow_model_versions_search_get: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
        };
    };
    search_api_2_0_mlflow_model_versions_search_post: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
        };
    };
    set_tag_api_2_0_mlflow_model_versions_set_tag_post: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
        };
    };
    transition_api_2_0_mlflow_model_versions_transition_stage_post: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
        };
    };
    update_api_2_0_mlflow_model_versions_update_patch: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
        };
    };
    get_by_alias_api_2_0_mlflow_registered_models_alias_get: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
        };
    };
    set_alias_api_2_0_mlflow_registered_models_alias_post: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
        };
    };
    delete_alias_api_2_0_mlflow_registered_models_alias_delete: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
        };
    };
    create_api_2_0_mlflow_registered_models_create_post: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
        };
    };
    delete_api_2_0_mlflow_registered_models_delete_delete: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
        };
    };
    delete_tag_api_2_0_mlflow_registered_models_delete_tag_delete: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
        };
    };
    get_api_2_0_mlflow_registered_models_get_get: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
        };
    };
    latest_api_2_0_mlflow_registered_models_get_latest_versions_get: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
        };
    };
    latest_api_2_0_mlflow_registered_models_get_latest_versions_post: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
        };
    };
    rename_api_2_0_mlflow_registered_models_rename_post: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
        };
    };
    search_api_2_0_mlflow_registered_models_search_get: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
        };
    };
    search_api_2_0_mlflow_registered_models_search_post: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
        };
    };
    set_tag_api_2_0_mlflow_registered_models_set_tag_post: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
        };
    };
    update_api_2_0_mlflow_registered_models_update_patch: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
        };
    };
    create_api_2_0_mlflow_runs_create_post: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
        };
    };
    delete_api_2_0_mlflow_runs_delete_post: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
        };
    };
    delete_tag_api_2_0_mlflow_runs_delete_tag_post: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
        };
    };
    get_api_2_0_mlflow_runs_get_get: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
        };
    };
    log_batch_api_2_0_mlflow_runs_log_batch_post: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
        };
    };
    log_inputs_api_2_0_mlflow_runs_log_inputs_post: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
        };
    };
    log_metric_api_2_0_mlflow_runs_log_metric_post: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
        };
    };
    log_model_api_2_0_mlflow_runs_log_model_post: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
        };
    };
    log_param_api_2_0_mlflow_runs_log_parameter_post: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
        };
    };
    log_outputs_api_2_0_mlflow_runs_outputs_post: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
        };
    };
    restore_api_2_0_mlflow_runs_restore_post: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
        };
    };
    search_api_2_0_mlflow_runs_search_post: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
        };
    };
    set_tag_api_2_0_mlflow_runs_set_tag_post: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
        };
    };
    update_api_2_0_mlflow_runs_update_post: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
        };
    };
    audit_api_v1_audit_get: {
        parameters: {
            query?: {
                limit?: number;
                before?: number | null;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    boards_api_v1_boards_get: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Board"][];
                };
            };
        };
    };
    one_api_v1_boards__id__get: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Board"];
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    make_api_v1_boards__id__post: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Making"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Board"];
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    remove_api_v1_boards__id__delete: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    enter_api_v1_boards__id__entries_post: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Entering"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Board"];
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    withdraw_api_v1_boards__id__entries__run__delete: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
                run: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Board"];
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    compare_api_v1_compare_get: {
        parameters: {
            query: {
                /** @description names, with commas between */
                runs: string;
                /** @description the one that comes first */
                baseline?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Comparison"];
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    evaluations_api_v1_compare_evaluations_get: {
        parameters: {
            query: {
                /** @description names, with commas between */
                runs: string;
                /** @description one of them, to which differences are told */
                baseline?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EvaluationComparison"];
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    curves_of_runs_api_v1_curves_get: {
        parameters: {
            query: {
                /** @description names, with commas between */
                runs: string;
                names: string[];
                most?: number;
                start?: number | null;
                end?: number | null;
                x?: "step" | "tokens" | "time" | "flops" | "cost" | "energy";
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CurvesOfRuns"];
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    health_api_v1_health_get: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: string;
                    };
                };
            };
        };
    };
    invitation_api_v1_invitation_get: {
        parameters: {
            query: {
                invitation: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    accept_api_v1_invitation_post: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Acceptance"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    keys_api_v1_keys_get: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
        };
    };
    make_key_api_v1_keys_post: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewKey"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    remove_key_api_v1_keys__id__delete: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    rows_api_v1_live_get: {
        parameters: {
            query?: {
                version?: number | null;
                filter?: string;
                columns?: string;
                archived?: boolean;
                spark?: boolean;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": components["schemas"]["ListingNews"];
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    back_api_v1_oidc_back_get: {
        parameters: {
            query?: {
                state?: string;
                code?: string;
                error?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    start_api_v1_oidc_start_get: {
        parameters: {
            query?: {
                next?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    choose_api_v1_plan_get: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PlanChoices"];
                };
            };
        };
    };
    architecture_api_v1_plan_architectures__name__get: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PlanArchitecture"];
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    fit_api_v1_plan_fit_post: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["FitQuestion"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PlanWays"];
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    calibration_api_v1_plan_measured_get: {
        parameters: {
            query: {
                gpu: string;
                model_type: string;
                parameters: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PlanMeasured"];
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    state_api_v1_playground_get: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PlaygroundState"];
                };
            };
        };
    };
    chat_api_v1_playground_ask__id__chat_post: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PlaygroundChat"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": string;
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    prompt_api_v1_playground_ask__id__prompt_post: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PlaygroundChat"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PlaygroundPrompt"];
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    start_api_v1_playground_engines_post: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PlaygroundStart"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PlaygroundEngine"];
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    end_api_v1_playground_engines__id__delete: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PlaygroundEngine"];
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    models_api_v1_playground_models_get: {
        parameters: {
            query?: {
                q?: string;
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PlaygroundChoices"];
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    vote_api_v1_playground_votes_post: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PlaygroundVote"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PlaygroundVoted"];
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    begin_api_v1_push__run__post: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                run: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    put_block_api_v1_push__run__blocks__digest__put: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                run: string;
                digest: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    put_file_api_v1_push__run__files__path__post: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                run: string;
                path: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    logs_api_v1_push__run__logs_get: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                run: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: number;
                    };
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    append_api_v1_push__run__logs__path__put: {
        parameters: {
            query: {
                offset: number;
                prefix: string;
            };
            header?: never;
            path: {
                run: string;
                path: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    models_api_v1_registry_models_get: {
        parameters: {
            query?: {
                filter?: string;
                versions?: boolean;
                limit?: number;
                offset?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["VersionList"];
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    model_api_v1_registry_models__name__get: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RegisteredModel"];
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    patch_api_v1_registry_models__name__patch: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ModelPatch"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RegisteredModel"];
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    set_alias_api_v1_registry_models__name__aliases__alias__put: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: string;
                alias: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AliasSet"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RegisteredModel"];
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    delete_alias_api_v1_registry_models__name__aliases__alias__delete: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: string;
                alias: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RegisteredModel"];
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    compare_api_v1_registry_models__name__compare_get: {
        parameters: {
            query: {
                first: number;
                second: number;
            };
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["VersionComparison"];
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    history_api_v1_registry_models__name__history_get: {
        parameters: {
            query?: {
                limit?: number;
                offset?: number;
            };
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ModelHistory"];
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    set_policy_api_v1_registry_models__name__policies__alias__put: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: string;
                alias: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PolicySet"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RegisteredModel"];
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    promotion_api_v1_registry_models__name__promotions_post: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Promotion"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Promoted"];
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    add_api_v1_registry_models__name__versions_post: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewVersion"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["VersionPage"];
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    one_api_v1_registry_models__name__versions__number__get: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: string;
                number: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["VersionPage"];
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    delete_api_v1_registry_models__name__versions__number__delete: {
        parameters: {
            query?: {
                force?: boolean;
            };
            header?: never;
            path: {
                name: string;
                number: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["VersionRemoved"];
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    patch_version_api_v1_registry_models__name__versions__number__patch: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: string;
                number: number;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ModelPatch"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["VersionPage"];
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    verify_api_v1_registry_models__name__versions__number__verify_post: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: string;
                number: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Verified"];
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    reports_api_v1_reports_get: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Report"][];
                };
            };
        };
    };
    make_api_v1_reports_post: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Content"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Report"];
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    one_api_v1_reports__id__get: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Report"];
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    change_api_v1_reports__id__put: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Changing"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Report"];
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    remove_api_v1_reports__id__delete: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    file_api_v1_reports__id__file_get: {
        parameters: {
            query?: {
                language?: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/html": string;
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    shown_api_v1_reports__id__shown_get: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    versions_api_v1_reports__id__versions_get: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Report"][];
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    runs_api_v1_runs_get: {
        parameters: {
            query?: {
                filter?: string;
                q?: string;
                sort?: string;
                columns?: string;
                archived?: boolean;
                spark?: boolean;
                limit?: number;
                offset?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RunList"];
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    patch_api_v1_runs_patch: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RunsPatch"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RunsEdited"];
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    one_api_v1_runs__run__get: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                run: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RunPage"];
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    checkpoints_api_v1_runs__run__checkpoints_get: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                run: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CheckpointsPage"];
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    console_api_v1_runs__run__console_get: {
        parameters: {
            query?: {
                rank?: number;
                start?: number | null;
                limit?: number;
                search?: string;
                step?: number | null;
                stream?: ("stdout" | "stderr") | null;
            };
            header?: never;
            path: {
                run: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ConsolePage"];
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    controls_api_v1_runs__run__controls_post: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                run: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ControlWord"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Asked"];
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    curves_api_v1_runs__run__curves_get: {
        parameters: {
            query: {
                names: string[];
                most?: number;
                writer?: string | null;
                start?: number | null;
                end?: number | null;
                x?: "step" | "tokens" | "time" | "flops" | "cost" | "energy";
            };
            header?: never;
            path: {
                run: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: components["schemas"]["Curve"];
                    };
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    data_api_v1_runs__run__data_get: {
        parameters: {
            query?: {
                source?: string;
                offset?: number;
                limit?: number;
                q?: string;
            };
            header?: never;
            path: {
                run: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DataPage"];
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    diagnoses_api_v1_runs__run__diagnoses_get: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                run: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Diagnoses"];
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    environment_api_v1_runs__run__environment_get: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                run: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Environments"];
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    evaluations_api_v1_runs__run__evaluations_get: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                run: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EvaluationsPage"];
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    events_api_v1_runs__run__events_get: {
        parameters: {
            query?: {
                kind?: string | null;
                offset?: number;
                limit?: number;
            };
            header?: never;
            path: {
                run: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EventsPage"];
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    file_api_v1_runs__run__files__path__get: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                run: string;
                path: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    generations_api_v1_runs__run__generations_get: {
        parameters: {
            query?: {
                step?: number | null;
                prompt?: string | null;
                offset?: number;
                limit?: number;
            };
            header?: never;
            path: {
                run: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GenerationsPage"];
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    ledger_api_v1_runs__run__ledger_get: {
        parameters: {
            query?: {
                q?: string;
                offset?: number;
                limit?: number;
            };
            header?: never;
            path: {
                run: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LedgerPage"];
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    lineage_api_v1_runs__run__lineage_get: {
        parameters: {
            query?: {
                step?: number | null;
                source?: string | null;
                row?: number | null;
            };
            header?: never;
            path: {
                run: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LineageGraph"];
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    run_news_api_v1_runs__run__live_get: {
        parameters: {
            query?: {
                cursor?: string | null;
                names?: string[] | null;
            };
            header?: never;
            path: {
                run: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": components["schemas"]["RunNews"];
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    marks_api_v1_runs__run__marks_get: {
        parameters: {
            query?: {
                limit?: number;
            };
            header?: never;
            path: {
                run: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MarksPage"];
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    media_api_v1_runs__run__media_get: {
        parameters: {
            query?: {
                name?: string | null;
            };
            header?: never;
            path: {
                run: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MediaPage"];
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    mesh_api_v1_runs__run__mesh_get: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                run: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MeshPage"];
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    page_api_v1_runs__run__pages__path__get: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                run: string;
                path: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    plan_api_v1_runs__run__plan_get: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                run: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PlanBeside"];
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    points_api_v1_runs__run__points_get: {
        parameters: {
            query: {
                name: string;
                start?: number;
                limit?: number;
                writer?: string | null;
                ghosts?: boolean;
            };
            header?: never;
            path: {
                run: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PointsPage"];
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    ranks_api_v1_runs__run__ranks_get: {
        parameters: {
            query: {
                name: string;
                most?: number;
            };
            header?: never;
            path: {
                run: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RankMatrix"];
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    listed_api_v1_runs__run__requests_get: {
        parameters: {
            query?: {
                filter?: string;
                sort?: string;
                limit?: number;
                offset?: number;
            };
            header?: never;
            path: {
                run: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RequestList"];
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    drifting_api_v1_runs__run__requests_drift_get: {
        parameters: {
            query?: {
                filter?: string;
                windows?: number;
            };
            header?: never;
            path: {
                run: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Drift"];
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    exported_api_v1_runs__run__requests_export_get: {
        parameters: {
            query?: {
                filter?: string;
                form?: "chat" | "preferences" | "labels" | "requests";
                file?: "jsonl" | "parquet";
            };
            header?: never;
            path: {
                run: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    scored_api_v1_runs__run__requests_scores_get: {
        parameters: {
            query?: {
                filter?: string;
            };
            header?: never;
            path: {
                run: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RequestScores"];
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    one_api_v1_runs__run__requests__id__get: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                run: string;
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RequestPage"];
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    rollouts_api_v1_runs__run__rollouts_get: {
        parameters: {
            query?: {
                step?: number | null;
                q?: string;
                offset?: number;
                limit?: number;
            };
            header?: never;
            path: {
                run: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RolloutsPage"];
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    since_api_v1_runs__run__since_get: {
        parameters: {
            query?: {
                cursor?: string;
            };
            header?: never;
            path: {
                run: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["News"];
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    rows_api_v1_runs__run__steps__step__rows_get: {
        parameters: {
            query?: {
                texts?: boolean;
                offset?: number;
                limit?: number;
            };
            header?: never;
            path: {
                run: string;
                step: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["StepRows"];
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    tokens_api_v1_runs__run__steps__step__tokens_get: {
        parameters: {
            query?: {
                texts?: boolean;
            };
            header?: never;
            path: {
                run: string;
                step: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["StepTokens"];
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    read_api_v1_runs__run__traces_get: {
        parameters: {
            query?: {
                trace_id?: string | null;
                offset?: number;
                limit?: number;
            };
            header?: never;
            path: {
                run: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    session_api_v1_session_get: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
        };
    };
    sign_in_api_v1_session_post: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SignIn"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    sign_out_api_v1_session_delete: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
        };
    };
    people_api_v1_users_get: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
        };
    };
    add_api_v1_users_post: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewPerson"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    remove_api_v1_users__name__delete: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    invite_api_v1_users__name__invitation_post: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    give_api_v1_users__name__role_put: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Membership"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
    mlflow_health_health_get: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
        };
    };
    metrics_metrics_get: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
        };
    };
    receive_v1_traces_post: {
        parameters: {
            query?: never;
            header?: {
                "content-type"?: string;
                "content-encoding"?: string;
                "x-whet-run"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
        };
    };
}

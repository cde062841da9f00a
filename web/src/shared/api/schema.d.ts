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
         * Search Models
         * @description No models: clients ask for them when they list artifacts. A registry of models is not here.
         */
        post: operations["search_models_api_2_0_mlflow_logged_models_search_post"];
        delete?: never;
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
         * @description Data sets that a run was given.
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
         * @description A key of one's own for programs, which is told this once.
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
         *     `first` and `last` are on. `marks` tell where the curve is NaN or infinite.
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
         * @description A file of the run, or a part of it (Range). A page in it runs no script here.
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
        /** Acceptance */
        Acceptance: {
            /** Invitation */
            invitation: string;
            /** Password */
            password: string;
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
                [key: string]: components["schemas"]["whet__track__boards__board__Curve"];
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
         * EventsPage
         * @description Events by time, of `total`.
         */
        EventsPage: {
            /** Events */
            events: components["schemas"]["RunEvent"][];
            /** Total */
            total: number;
        };
        /** HTTPValidationError */
        HTTPValidationError: {
            /** Detail */
            detail?: components["schemas"]["ValidationError"][];
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
        /** Membership */
        Membership: {
            /**
             * Project
             * @default *
             */
            project: string;
            /** Role */
            role: string;
        };
        /** NewKey */
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
        /** NewPerson */
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
        /** SignIn */
        SignIn: {
            /** Name */
            name: string;
            /** Password */
            password: string;
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
         * Task
         * @description What a board asks for.
         *
         *     `frozen` are settings (`data.train.0.path`, `seed`, ...) with the value that they have in every entry; `metric` is
         *     what entries are ordered by, the last value of a curve or an entry of the summary; `curves` are kept with them.
         */
        Task: {
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
            /** Metric */
            metric: string;
            /** Title */
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
         * Curve
         * @description A curve in buckets: steps from and to, lowest, highest and mean value of each.
         *
         *     `first` and `last` are where each begins and ends on the axis that was asked for, in `unit`.
         */
        whet__server__answers__curves__Curve: {
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
        };
        /**
         * Curve
         * @description A curve in buckets over steps.
         */
        whet__track__boards__board__Curve: {
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
    search_models_api_2_0_mlflow_logged_models_search_post: {
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
                "application/json": components["schemas"]["Task"];
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
                        [key: string]: components["schemas"]["whet__server__answers__curves__Curve"];
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

CREATE TABLE "experiments" (
	experiment_id INTEGER NOT NULL, 
	name VARCHAR(256) NOT NULL, 
	artifact_location VARCHAR(256), 
	lifecycle_stage VARCHAR(32), 
	creation_time BIGINT, 
	last_update_time BIGINT, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT experiment_pk PRIMARY KEY (experiment_id), 
	CONSTRAINT experiments_lifecycle_stage CHECK (lifecycle_stage IN ('active', 'deleted')), 
	CONSTRAINT uq_experiments_workspace_name UNIQUE (workspace, name)
);
INSERT INTO "experiments" VALUES(0,'Default','','active',1795986282409,1795986282409,'default');
INSERT INTO "experiments" VALUES(1,'proj','','active',1795986282449,1795986282449,'default');
CREATE TABLE "metrics" (
	"key" VARCHAR(250) NOT NULL, 
	value FLOAT NOT NULL, 
	timestamp BIGINT NOT NULL, 
	run_uuid VARCHAR(32) NOT NULL, 
	step BIGINT DEFAULT '0' NOT NULL, 
	is_nan BOOLEAN DEFAULT '0' NOT NULL, 
	CONSTRAINT metric_pk PRIMARY KEY ("key", timestamp, step, run_uuid, value, is_nan), 
	FOREIGN KEY(run_uuid) REFERENCES runs (run_uuid), 
	CHECK (is_nan IN (0, 1))
);
INSERT INTO "metrics" VALUES('loss',1.0,1795986282919,'74deb8fcec2847c49d643a9da66fb24c',0,0);
INSERT INTO "metrics" VALUES('val/acc',0.0,1795986282919,'74deb8fcec2847c49d643a9da66fb24c',0,0);
INSERT INTO "metrics" VALUES('odd u',0.0,1795986282919,'74deb8fcec2847c49d643a9da66fb24c',0,0);
INSERT INTO "metrics" VALUES('loss',0.5,1795986282996,'74deb8fcec2847c49d643a9da66fb24c',1,0);
INSERT INTO "metrics" VALUES('val/acc',8.33333333333333287074e-02,1795986282996,'74deb8fcec2847c49d643a9da66fb24c',1,0);
INSERT INTO "metrics" VALUES('odd u',1.0,1795986282996,'74deb8fcec2847c49d643a9da66fb24c',1,0);
INSERT INTO "metrics" VALUES('loss',3.33333333333333314829e-01,1795986283060,'74deb8fcec2847c49d643a9da66fb24c',2,0);
INSERT INTO "metrics" VALUES('val/acc',1.66666666666666657414e-01,1795986283060,'74deb8fcec2847c49d643a9da66fb24c',2,0);
INSERT INTO "metrics" VALUES('odd u',2.0,1795986283060,'74deb8fcec2847c49d643a9da66fb24c',2,0);
INSERT INTO "metrics" VALUES('loss',0.25,1795986283144,'74deb8fcec2847c49d643a9da66fb24c',3,0);
INSERT INTO "metrics" VALUES('val/acc',0.25,1795986283144,'74deb8fcec2847c49d643a9da66fb24c',3,0);
INSERT INTO "metrics" VALUES('odd u',0.0,1795986283144,'74deb8fcec2847c49d643a9da66fb24c',3,1);
INSERT INTO "metrics" VALUES('loss',0.2,1795986283212,'74deb8fcec2847c49d643a9da66fb24c',4,0);
INSERT INTO "metrics" VALUES('val/acc',3.33333333333333314829e-01,1795986283212,'74deb8fcec2847c49d643a9da66fb24c',4,0);
INSERT INTO "metrics" VALUES('odd u',1.79769313486231562234e+308,1795986283212,'74deb8fcec2847c49d643a9da66fb24c',4,0);
INSERT INTO "metrics" VALUES('loss',1.66666666666666657414e-01,1795986283268,'74deb8fcec2847c49d643a9da66fb24c',5,0);
INSERT INTO "metrics" VALUES('val/acc',4.1666666666666668517e-01,1795986283268,'74deb8fcec2847c49d643a9da66fb24c',5,0);
INSERT INTO "metrics" VALUES('odd u',-1.79769313486231562234e+308,1795986283268,'74deb8fcec2847c49d643a9da66fb24c',5,0);
INSERT INTO "metrics" VALUES('loss',1.42857142857142849212e-01,1795986283317,'74deb8fcec2847c49d643a9da66fb24c',6,0);
INSERT INTO "metrics" VALUES('val/acc',0.5,1795986283317,'74deb8fcec2847c49d643a9da66fb24c',6,0);
INSERT INTO "metrics" VALUES('odd u',6.0,1795986283317,'74deb8fcec2847c49d643a9da66fb24c',6,0);
INSERT INTO "metrics" VALUES('loss',0.125,1795986283357,'74deb8fcec2847c49d643a9da66fb24c',7,0);
INSERT INTO "metrics" VALUES('val/acc',5.8333333333333337034e-01,1795986283357,'74deb8fcec2847c49d643a9da66fb24c',7,0);
INSERT INTO "metrics" VALUES('odd u',7.0,1795986283357,'74deb8fcec2847c49d643a9da66fb24c',7,0);
INSERT INTO "metrics" VALUES('loss',1.11111111111111104943e-01,1795986283409,'74deb8fcec2847c49d643a9da66fb24c',8,0);
INSERT INTO "metrics" VALUES('val/acc',6.66666666666666629659e-01,1795986283409,'74deb8fcec2847c49d643a9da66fb24c',8,0);
INSERT INTO "metrics" VALUES('odd u',8.0,1795986283409,'74deb8fcec2847c49d643a9da66fb24c',8,0);
INSERT INTO "metrics" VALUES('loss',0.1,1795986283452,'74deb8fcec2847c49d643a9da66fb24c',9,0);
INSERT INTO "metrics" VALUES('val/acc',0.75,1795986283452,'74deb8fcec2847c49d643a9da66fb24c',9,0);
INSERT INTO "metrics" VALUES('odd u',9.0,1795986283452,'74deb8fcec2847c49d643a9da66fb24c',9,0);
INSERT INTO "metrics" VALUES('loss',9.09090909090909116141e-02,1795986283494,'74deb8fcec2847c49d643a9da66fb24c',10,0);
INSERT INTO "metrics" VALUES('val/acc',8.3333333333333337034e-01,1795986283494,'74deb8fcec2847c49d643a9da66fb24c',10,0);
INSERT INTO "metrics" VALUES('odd u',10.0,1795986283494,'74deb8fcec2847c49d643a9da66fb24c',10,0);
INSERT INTO "metrics" VALUES('loss',8.33333333333333287074e-02,1795986283540,'74deb8fcec2847c49d643a9da66fb24c',11,0);
INSERT INTO "metrics" VALUES('val/acc',9.16666666666666629659e-01,1795986283540,'74deb8fcec2847c49d643a9da66fb24c',11,0);
INSERT INTO "metrics" VALUES('odd u',11.0,1795986283540,'74deb8fcec2847c49d643a9da66fb24c',11,0);
CREATE TABLE "params" (
	"key" VARCHAR(250) NOT NULL, 
	value VARCHAR(8000) NOT NULL, 
	run_uuid VARCHAR(32) NOT NULL, 
	CONSTRAINT param_pk PRIMARY KEY ("key", run_uuid), 
	FOREIGN KEY(run_uuid) REFERENCES runs (run_uuid)
);
INSERT INTO "params" VALUES('lr','0.1','74deb8fcec2847c49d643a9da66fb24c');
INSERT INTO "params" VALUES('kind','adam','74deb8fcec2847c49d643a9da66fb24c');
INSERT INTO "params" VALUES('exact','1e-4','74deb8fcec2847c49d643a9da66fb24c');
CREATE TABLE "runs" (
	run_uuid VARCHAR(32) NOT NULL, 
	name VARCHAR(250), 
	source_type VARCHAR(20), 
	source_name VARCHAR(500), 
	entry_point_name VARCHAR(50), 
	user_id VARCHAR(256), 
	status VARCHAR(9), 
	start_time BIGINT, 
	end_time BIGINT, 
	source_version VARCHAR(50), 
	lifecycle_stage VARCHAR(20), 
	artifact_uri VARCHAR(200), 
	experiment_id INTEGER, deleted_time BIGINT, 
	CONSTRAINT run_pk PRIMARY KEY (run_uuid), 
	CONSTRAINT source_type CHECK (source_type IN ('NOTEBOOK', 'JOB', 'LOCAL', 'UNKNOWN', 'PROJECT')), 
	CONSTRAINT runs_lifecycle_stage CHECK (lifecycle_stage IN ('active', 'deleted')), 
	FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id), 
	CHECK (status IN ('SCHEDULED', 'FAILED', 'FINISHED', 'RUNNING', 'KILLED'))
);
INSERT INTO "runs" VALUES('74deb8fcec2847c49d643a9da66fb24c','run one','UNKNOWN','','','root','FINISHED',1795986282760,1795986283616,'','active','',1,NULL);
CREATE TABLE "tags" (
	"key" VARCHAR(250) NOT NULL, 
	value VARCHAR(8000), 
	run_uuid VARCHAR(32) NOT NULL, 
	CONSTRAINT tag_pk PRIMARY KEY ("key", run_uuid), 
	FOREIGN KEY(run_uuid) REFERENCES runs (run_uuid)
);
INSERT INTO "tags" VALUES('mlflow.user','root','74deb8fcec2847c49d643a9da66fb24c');
INSERT INTO "tags" VALUES('mlflow.source.name','tests/track/imports/record.py','74deb8fcec2847c49d643a9da66fb24c');
INSERT INTO "tags" VALUES('mlflow.source.type','LOCAL','74deb8fcec2847c49d643a9da66fb24c');
INSERT INTO "tags" VALUES('mlflow.source.git.commit','26ac843df30f9a05fb41df52acc5bb38549b3e68','74deb8fcec2847c49d643a9da66fb24c');
INSERT INTO "tags" VALUES('mlflow.source.git.branch','server','74deb8fcec2847c49d643a9da66fb24c');
INSERT INTO "tags" VALUES('mlflow.note.content','a note','74deb8fcec2847c49d643a9da66fb24c');
INSERT INTO "tags" VALUES('mlflow.runName','run one','74deb8fcec2847c49d643a9da66fb24c');
INSERT INTO "tags" VALUES('stage','dev','74deb8fcec2847c49d643a9da66fb24c');

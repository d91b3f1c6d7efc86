CREATE TABLE "fleet" (
	"is_only" boolean PRIMARY KEY DEFAULT true NOT NULL,
	"id" uuid DEFAULT gen_random_uuid() NOT NULL,
	CONSTRAINT "fleet_only" CHECK ("fleet"."is_only")
);--> statement-breakpoint
INSERT INTO "fleet" DEFAULT VALUES;
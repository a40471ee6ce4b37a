#include "samples.h"

#include <stddef.h>

const sample sample_standard = {
    .all = "{\"id\":\"sub_0000000000001\",\"url\":\"https://example.com/"
           "h\",\"events\":[\"a.b\"],\"name\":\"n\",\"secrets\":[\"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"],"
           "\"metadata\":{\"k\":[1.10]},\"version\":7}",
    .least = "\"url\":\"https://example.com/h\"",
    .type = "order.paid",
    .roots = { "/v1" },
    .error = { "error.code", "error.message" },
};

const sample sample_unified = {
    .all = "{\"id\":\"x\",\"created_at\":\"2001-01-01T00:00:00Z\",\"updated_at\":\"2001-01-01T00:00:00Z\","
           "\"workspace_id\":\"w\",\"connection_id\":\"conn_1\",\"hook_url\":\"https://example.com/h\","
           "\"object_type\":\"crm_contact\",\"interval\":62.5,\"checked_at\":\"2001-01-01T00:00:00Z\","
           "\"integration_type\":\"hubspot\",\"environment\":\"Sandbox\",\"event\":\"updated\",\"runs\":[\"r\"],"
           "\"fields\":\"subject, body\",\"webhook_type\":\"native\",\"meta\":{\"k\":[1.10,null]},\"is_healthy\":false,"
           "\"page_max_limit\":25,\"filters\":{\"company_id\":\"7\",\"none\":null},\"db_type\":\"postgres\","
           "\"db_schema\":\"s\",\"db_name_prefix\":\"p_\",\"is_paused\":true,"
           "\"is_beta\":true}",
    .least = "\"connection_id\":\"c\",\"object_type\":\"crm_contact\",\"event\":\"created\","
             "\"hook_url\":\"https://example.com/h\"",
    .type = "crm_contact.created",
    .roots = { "/unified" },
    .error = { "code", "message" },
};

const sample sample_truto = {
    .all = "{\"id\":\"4a4de828-f4db-4c9e-adfd-434e0864c3c7\",\"target_url\":\"https://example.com/webhook\","
           "\"is_active\":false,\"environment_id\":\"05daecaf-4365-42e8-8370-8127de5dd717\","
           "\"event_types\":[\"integrated_account:created\",\"record:updated\",\"not_yet:known\"],"
           "\"created_at\":\"2021-08-10T10:00:00.000Z\",\"updated_at\":\"2021-08-10 10:00:00\","
           "\"secret\":\"d5fac1cb-1820-4da7-bfd8-a6b758bcf8ff\"}",
    .least = "\"target_url\":\"https://example.com/h\"",
    .type = "record:created",
    .ordered = "sync_job_run:record",
    .roots = { "/webhook", "/log" },
    .error = { "error", "message" },
    .status = "statusCode",
};

const sample sample_callfire = {
    .all = "{\"id\":7420017300281076000,\"name\":\"Test \\\"Webhook\\\"\",\"resource\":\"outboundcall\","
           "\"events\":[\"FINISHED\",\"Finished\"],\"callback\":\"https://example.com/"
           "cb\",\"fields\":\"events(resource(id))\","
           "\"secret\":\"mysecrets\",\"enabled\":false,\"nonStrictSsl\":true,\"singleUse\":true,"
           "\"expiresAt\":1790000000000,\"createdAt\":1,\"updatedAt\":2}",
    .least = "\"callback\":\"https://example.com/h\",\"resource\":\"LowBalance\"",
    .type = "LowBalance.Failed",
    .mask = "events(resource)",
    .roots = { "/webhooks", "/v2" },
    .error = { "internalCode", "message", "developerMessage", "helpLink" },
    .status = "httpStatusCode",
};

static const sample *const samples[] = {
#define WHI_X(name, header) &sample_##name,
    WHI_SYSTEMS(WHI_X)
#undef WHI_X
};

const sample *sample_at(size_t index) {
    return index < sizeof samples / sizeof samples[0] ? samples[index] : NULL;
}

/* Tests: test_sources. */
#include "engine/source_document.h"

#include "outside/source_http.h"

static whi_source_options options_of(const wh_engine *engine) {
    return (whi_source_options){ engine->policy, engine->options.user_agent, engine->options.ca_file,
                                 engine->clock,  engine->options.rules,      &engine->options.limits };
}

int whi_source_check(const wh_engine *engine, const char *document, size_t size, char *object_type) {
    whi_source_options options = options_of(engine);

    return whi_source_http_check(document, size, &options, object_type);
}

int whi_source_make(const wh_engine *engine, const whi_source_row *row, wh_source *out) {
    whi_source_options options = options_of(engine);

    return whi_source_http_make(out, row->document, row->document_size, &options);
}

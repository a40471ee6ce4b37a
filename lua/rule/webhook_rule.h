/* webhook_rule.h - rules written in Lua, for wh_options.rules.
 *
 *     options.rules = wh_rule_lua();
 *
 * Link libwebhook_rule and Lua 5.4 or 5.5. Rules run in Lua states of their own, one
 * per rule, and never see the host's.
 *
 * What a rule sees, can call and may return, and what is the same everywhere: lua/docs/rules.md, the manual
 * for those who write rules. It is installed with the documentation.
 *
 * What a rule may use: rule_memory_bytes of memory, rule_cpu_ms of CPU time of its thread, a result of up to
 * payload_bytes with json_depth levels of nesting. */
#ifndef WEBHOOK_RULE_H
#define WEBHOOK_RULE_H

#include "webhook_backend.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The rule engine; static, never freed. Its runtimes are used by one thread at a time. */
WH_API const wh_rule_engine *wh_rule_lua(void);

#ifdef __cplusplus
}
#endif

#endif

/* The list of facts, one after the other: with the database in our own process a statement costs no
 * round trip, so there is nothing to gain by putting several into one. Tests: test_store_facts. */
#include "outside/store_sqlite.h"

#include "base/error.h"
#include "pure/delivery.h"

/* *out 1: this worker has its row. Asked for many facts of a transaction: the store looks once. */
static int holds(whi_sqlite *store, int64_t owner, int *out) {
    int code = owner != 0 && owner != store->holds ? whi_sqlite_worker_holds(&store->base, owner) : WH_OK;

    *out = code == WH_OK;
    return code == WH_ENOTFOUND ? WH_OK : code;
}

static int event(whi_sqlite *store, whi_fact *fact) {
    whi_event_row *row = &fact->of.event;
    int duplicate = 0, code = whi_sqlite_event_add(&store->base, row, &fact->answer.before, &duplicate);

    fact->answer.done = code == WH_OK && !duplicate;
    fact->answer.number = row->number;
    return code;
}

static int nothing(const whi_delivery_row *row, const whi_event_row *about, void *payload) {
    (void)row;
    (void)about;
    (void)payload;
    return WH_OK;
}

static int keep_attempt(whi_sqlite *store, const whi_attempt_row *row, int counted, int *done) {
    int code = WH_OK;

    *done = row->event == store->there_event && row->subscription == store->there_subscription;
    if (!*done) {
        code = whi_sqlite_give_delivery(store, &store->writer, WHI_SQL_DELIVERY_HEAD, row->event, row->subscription,
                                        nothing, NULL, done);
    }
    return code == WH_OK && *done ? whi_sqlite_attempt_add(&store->base, row, counted) : code;
}

static int attempt(whi_sqlite *store, whi_fact *fact) {
    return keep_attempt(store, &fact->of.attempt, 0, &fact->answer.done);
}

/* An attempt that follows needs no look whether its delivery is there. */
static int delivery(whi_sqlite *store, whi_fact *fact) {
    const whi_delivery_row *row = &fact->of.delivery;
    int held, there, kept = 0, code;

    if (row->state == WHI_SENDING) {
        return whi_fail(WH_EINTERNAL, "store '%s': what is under way has no state of its own", store->name);
    }
    code = holds(store, row->holder, &held);
    if (code == WH_OK && held) {
        code = whi_sqlite_delivery_put(&store->base, row, &fact->answer.done, &kept);
        store->there_event = code == WH_OK && fact->answer.done ? row->event : 0;
        store->there_subscription = row->subscription;
    }
    return code == WH_OK && row->attempt != NULL && !kept ? keep_attempt(store, row->attempt, fact->answer.done, &there)
                                                          : code;
}

static int delivery_drop(whi_sqlite *store, whi_fact *fact) {
    return whi_sqlite_delivery_drop(&store->base, fact->of.key.event, fact->of.key.subscription, &fact->answer.done);
}

/* Who has its row is not late: what it has sent it will record. */
static int delivery_again(whi_sqlite *store, whi_fact *fact) {
    whi_delivery_row late = { .event = fact->of.again.event, .subscription = fact->of.again.subscription };
    int held = 0, code = fact->of.again.unless != 0 ? holds(store, fact->of.again.unless, &held) : WH_OK;

    late.key = fact->of.again.key;
    return code == WH_OK && !held ? whi_sqlite_order_again(store, &late, fact->of.again.now, &fact->answer.done) : code;
}

static int delivery_cancel(whi_sqlite *store, whi_fact *fact) {
    int count = 0, code = whi_sqlite_delivery_cancel(&store->base, fact->of.cancel.subscription, fact->of.cancel.now,
                                                     fact->of.cancel.limit, &count);

    fact->answer.number = count;
    return code;
}

static int health(whi_sqlite *store, whi_fact *fact) {
    int held, code = holds(store, fact->of.sight.holder, &held);

    return code == WH_OK && held ? whi_sqlite_health(store, fact) : code;
}

static int worker_add(whi_sqlite *store, whi_fact *fact) {
    return whi_sqlite_worker_add(&store->base, fact->of.worker.share, &fact->answer.number);
}

static int worker_beat(whi_sqlite *store, whi_fact *fact) {
    return whi_sqlite_worker_beat(&store->base, fact->of.worker.owner, fact->of.worker.share);
}

static int worker_remove(whi_sqlite *store, whi_fact *fact) {
    return whi_sqlite_worker_remove(&store->base, fact->of.owner);
}

static int partition_take(whi_sqlite *store, whi_fact *fact) {
    int count = 0, code = holds(store, fact->of.take.owner, &fact->answer.done);

    fact->answer.number = INT64_MAX;
    if (code == WH_OK && fact->answer.done) {
        code = whi_sqlite_partition_take(&store->base, fact->of.take.owner, fact->of.take.limit, &fact->answer.number,
                                         &count);
    }
    fact->answer.count = count;
    return code;
}

static int partition_give(whi_sqlite *store, whi_fact *fact) {
    int held, code = holds(store, fact->of.give.owner, &held);

    if (code != WH_OK || !held) {
        return code;
    }
    return whi_sqlite_partition_give(&store->base, fact->of.give.owner, fact->of.give.partition, fact->of.give.position,
                                     &fact->answer.done);
}

static int partition_list(whi_sqlite *store, whi_fact *fact) {
    return whi_sqlite_partition_list(&store->base, fact->of.look.each_partition, fact->of.look.payload);
}

static int position(whi_sqlite *store, whi_fact *fact) {
    return whi_sqlite_position(&store->base, fact->of.position.owner, fact->of.position.position, &fact->answer.done);
}

static int lag(whi_sqlite *store, whi_fact *fact) {
    int held, code = holds(store, fact->of.lag.owner, &held);

    return code == WH_OK && held ? whi_sqlite_lag(store, fact) : code;
}

static int lag_list(whi_sqlite *store, whi_fact *fact) {
    return whi_sqlite_lag_list(&store->base, fact->of.look.each_lag, fact->of.look.payload);
}

static int subscription(whi_sqlite *store, whi_fact *fact) {
    int code = whi_sqlite_subscription_put(&store->base, &fact->of.subscription);

    fact->answer.number = fact->of.subscription.id;
    return code;
}

static int subscription_remove(whi_sqlite *store, whi_fact *fact) {
    return whi_sqlite_subscription_remove(&store->base, fact->of.subscription.id, fact->of.subscription.changed_at);
}

static int purge(whi_sqlite *store, whi_fact *fact) {
    int count = 0, code;

    fact->answer.number = fact->of.purge.after;
    code = whi_sqlite_purge(&store->base, fact->of.purge.done_before, fact->of.purge.failed_before,
                            fact->of.purge.limit, &fact->answer.number, &count);
    fact->answer.count = count;
    return code;
}

static int token_add(whi_sqlite *store, whi_fact *fact) {
    return whi_sqlite_token_add(&store->base, fact->of.token);
}

static int token_remove(whi_sqlite *store, whi_fact *fact) {
    return whi_sqlite_token_remove(&store->base, fact->of.id);
}

static int tenant_secret(whi_sqlite *store, whi_fact *fact) {
    return whi_sqlite_tenant_secret_put(&store->base, fact->of.secret.tenant, fact->of.secret.secret,
                                        fact->of.secret.replace);
}

static int setting(whi_sqlite *store, whi_fact *fact) {
    return whi_sqlite_setting_put(store, fact->of.setting.name, fact->of.setting.value, fact->of.setting.replace,
                                  &fact->answer.number);
}

static int poll(whi_sqlite *store, whi_fact *fact) {
    int held, code = holds(store, fact->of.poll.holder, &held);

    return code == WH_OK && held ? whi_sqlite_poll(store, fact) : code;
}

static int reseal(whi_sqlite *store, whi_fact *fact) {
    return fact->of.reseal.table == WH_SEALED_SOURCES ? whi_sqlite_reseal_sources(store, fact)
                                                      : whi_sqlite_reseal(store, fact);
}

static int worker_holds(whi_sqlite *store, whi_fact *fact) {
    return whi_sqlite_worker_holds(&store->base, fact->of.owner);
}

static int worker_list(whi_sqlite *store, whi_fact *fact) {
    return whi_sqlite_worker_list(&store->base, fact->of.look.each_worker, fact->of.look.payload);
}

static int delivery_now(whi_sqlite *store, whi_fact *fact) {
    return whi_sqlite_delivery_now(&store->base, fact->of.look.event, fact->of.look.subscription,
                                   fact->of.look.each_delivery, fact->of.look.payload);
}

static int subscription_now(whi_sqlite *store, whi_fact *fact) {
    return whi_sqlite_subscription_now(&store->base, fact->of.look.subscription, fact->of.look.each_subscription,
                                       fact->of.look.payload);
}

static int subscription_count(whi_sqlite *store, whi_fact *fact) {
    return whi_sqlite_subscription_count_now(&store->base, &fact->answer.number);
}

static int subscription_last(whi_sqlite *store, whi_fact *fact) {
    return whi_sqlite_number(store, &store->writer, WHI_SQL_CHANGE_LAST, &fact->answer.number);
}

static int (*const done_by[WH_FACT_KINDS])(whi_sqlite *store, whi_fact *fact) = {
    [WH_FACT_EVENT] = event,
    [WH_FACT_OUTBOX] = whi_sqlite_outbox_take,
    [WH_FACT_DELIVERY] = delivery,
    [WH_FACT_ATTEMPT] = attempt,
    [WH_FACT_DELIVERY_DROP] = delivery_drop,
    [WH_FACT_DELIVERY_AGAIN] = delivery_again,
    [WH_FACT_DELIVERY_CANCEL] = delivery_cancel,
    [WH_FACT_HEALTH] = health,
    [WH_FACT_WORKER_ADD] = worker_add,
    [WH_FACT_WORKER_BEAT] = worker_beat,
    [WH_FACT_WORKER_REMOVE] = worker_remove,
    [WH_FACT_PARTITION_TAKE] = partition_take,
    [WH_FACT_PARTITION_GIVE] = partition_give,
    [WH_FACT_PARTITION_LIST] = partition_list,
    [WH_FACT_POSITION] = position,
    [WH_FACT_LAG] = lag,
    [WH_FACT_LAG_LIST] = lag_list,
    [WH_FACT_SUBSCRIPTION] = subscription,
    [WH_FACT_SUBSCRIPTION_REMOVE] = subscription_remove,
    [WH_FACT_PURGE] = purge,
    [WH_FACT_TOKEN_ADD] = token_add,
    [WH_FACT_TOKEN_REMOVE] = token_remove,
    [WH_FACT_TENANT_SECRET] = tenant_secret,
    [WH_FACT_SETTING] = setting,
    [WH_FACT_SOURCE] = whi_sqlite_source,
    [WH_FACT_SOURCE_NOW] = whi_sqlite_source_now,
    [WH_FACT_USAGE_LIMIT] = whi_sqlite_usage_limit,
    [WH_FACT_USAGE_NOW] = whi_sqlite_usage_now,
    [WH_FACT_RESEAL] = reseal,
    [WH_FACT_SEALS] = whi_sqlite_seals,
    [WH_FACT_POLL] = poll,
    [WH_FACT_POLL_ASK] = whi_sqlite_poll_ask,
    [WH_FACT_POLL_DROP] = whi_sqlite_poll_drop,
    [WH_FACT_SEEN] = whi_sqlite_seen,
    [WH_FACT_WORKER_HOLDS] = worker_holds,
    [WH_FACT_WORKER_LIST] = worker_list,
    [WH_FACT_DELIVERY_NOW] = delivery_now,
    [WH_FACT_SUBSCRIPTION_NOW] = subscription_now,
    [WH_FACT_SUBSCRIPTION_COUNT] = subscription_count,
    [WH_FACT_SUBSCRIPTION_LAST] = subscription_last,
};

/* What a worker writes of its own it knows. What is written for whoever has the subscription, another process may have
 * to look at. */
static int concerns_others(const whi_fact *fact) {
    switch (fact->kind) {
    case WH_FACT_DELIVERY:
        return fact->of.delivery.holder == 0 && fact->answer.done;
    case WH_FACT_DELIVERY_AGAIN:
        return fact->answer.done;
    case WH_FACT_DELIVERY_CANCEL:
        return fact->answer.number > 0;
    case WH_FACT_SUBSCRIPTION:
    case WH_FACT_SUBSCRIPTION_REMOVE:
    case WH_FACT_USAGE_LIMIT:
        return fact->answer.code == WH_OK;
    default:
        return 0;
    }
}

static int tell(whi_sqlite *store, const whi_fact *fact) {
    if (store->told || !concerns_others(fact)) {
        return WH_OK;
    }
    store->told = 1;
    return whi_sqlite_run_numbers(store, WHI_SQL_TELL, NULL, 0, "telling others");
}

static int changed_nothing(int code) {
    return code == WH_ENOTFOUND || code == WH_ECONFLICT || code == WH_ELIMIT;
}

/* Refuses outside of a transaction, so that a fact after a failure that ended the transaction cannot
 * commit by itself. */
int whi_sqlite_write_facts(whi_sqlite *store, whi_fact *facts, size_t count) {
    if (sqlite3_get_autocommit(store->writer.db)) {
        return whi_fail(WH_ESTORE, "store '%s': no transaction is open", store->name);
    }
    for (size_t i = 0; i < count; i++) {
        int code;

        if (facts[i].kind != WH_FACT_DELIVERY && facts[i].kind != WH_FACT_ATTEMPT && facts[i].kind != WH_FACT_HEALTH) {
            store->there_event = 0; /* it may be gone */
        }
        code = done_by[facts[i].kind](store, &facts[i]);
        if (code != WH_OK && !changed_nothing(code)) {
            return code;
        }
        facts[i].answer.code = code;
        code = tell(store, &facts[i]);
        if (code != WH_OK) {
            return code;
        }
    }
    return WH_OK;
}

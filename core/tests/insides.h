/* The engine's rooms, all of them, for tests that look inside. */
#ifndef INSIDES_H
#define INSIDES_H

#include "base/clock.h"
#include "base/ident.h"
#include "calls/probe.h"
#include "calls/subscriptions.h"
#include "engine/accept.h"
#include "engine/context.h"
#include "engine/decide.h"
#include "engine/event.h"
#include "engine/handover.h"
#include "engine/inbox.h"
#include "engine/lease.h"
#include "engine/log.h"
#include "engine/notice.h"
#include "engine/outbox.h"
#include "engine/position.h"
#include "engine/promise.h"
#include "engine/registry.h"
#include "engine/underway.h"
#include "engine/version.h"
#include "engine/wrap.h"
#include "engine/writer.h"
#include "life/open.h"
#include "pure/delivery.h"
#include "work/lane.h"
#include "work/turn.h"

#endif

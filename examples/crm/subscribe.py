"""Subscribes by Unified.to's own client: what is there is sent first, then what is new, changed or deleted.

    python3 subscribe.py URL TOKEN CONNECTION HOOK
"""
import sys

from unified_python_sdk import UnifiedTo
from unified_python_sdk.models import shared


def subscribe(url, token, connection, object_type, **destination):
    """One webhook for each event, as Unified.to has it; their ids. destination: hook_url=… or db_url=…, db_type=…"""
    client = UnifiedTo(security=shared.Security(jwt=f"bearer {token}"), server_url=url)
    return [client.webhook.create_unified_webhook(request={
        "include_all": event == "created",
        "webhook": {"connection_id": connection, "object_type": object_type, "event": event, "interval": 5,
                    **destination},
    }).webhook.id for event in ("created", "updated", "deleted")]


if __name__ == "__main__":
    print("\n".join(subscribe(*sys.argv[1:4], "crm_contact", hook_url=sys.argv[4])))

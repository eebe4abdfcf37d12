"""The names of the RQ queues, and of the functions that runs on them call. Pure."""

from app.platforms import PLATFORMS

#: Platform → its queue: one each, so that workers can be given to platforms one by one.
PUBLISH_QUEUES: dict[str, str] = {name: entry.queue for name, entry in PLATFORMS.items()}
#: What never waits for a platform: webhooks, tallies, jobs of lost workers.
MAINTENANCE_QUEUE = "maintenance"
#: Calls to platforms that can wait, and that a platform which hangs may hold up.
BACKGROUND_QUEUE = "background"
#: Exchanging consents, which a user is waiting for.
CONNECT_QUEUE = "connect"
#: Making files anew, which takes minutes: apart, so that files that are ready never wait for it.
ENCODE_QUEUE = "encode"
QUEUE_NAMES: tuple[str, ...] = (
    *PUBLISH_QUEUES.values(),
    MAINTENANCE_QUEUE,
    BACKGROUND_QUEUE,
    CONNECT_QUEUE,
    ENCODE_QUEUE,
)

#: How many ended runs RQ keeps of each queue at most.
KEEP_COMPLETED = 100
KEEP_FAILED = 1000

# By dotted string, so that the API never loads the workers.
ADVANCE = "workers.publishing.pipeline.advance"
DELIVER = "workers.webhooks.delivery.deliver"
FOLLOW_UP = "workers.maintenance.follow_ups.follow_up_due"
CHECK_AHEAD = "workers.maintenance.at_risk.check_ahead"
RENEW = "workers.maintenance.renewals.renew_due"
ENCODE = "workers.media.encode.encode_due"
COUNT_POSTS = "workers.maintenance.counts.count_due"
ADD_UP = "workers.maintenance.tallies.add_up"
CONNECT = "workers.accounts.consents.exchange_granted"
#: Function → its queue, for those that work through rows of their own.
QUEUE_OF: dict[str, str] = {
    DELIVER: MAINTENANCE_QUEUE,
    ADD_UP: MAINTENANCE_QUEUE,
    FOLLOW_UP: BACKGROUND_QUEUE,
    CHECK_AHEAD: BACKGROUND_QUEUE,
    RENEW: BACKGROUND_QUEUE,
    COUNT_POSTS: BACKGROUND_QUEUE,
    CONNECT: CONNECT_QUEUE,
    ENCODE: ENCODE_QUEUE,
}

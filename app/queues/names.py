"""The names of the RQ queues, and of every function that workers call by name. Pure."""

from rq.defaults import RQ_KEY_PREFIX

from app.platforms import PLATFORMS

#: Exists unless Redis lacks delayed runs: it has lost its memory, or refused some.
MEMORY_KEY = f"{RQ_KEY_PREFIX}:publish:memory"
#: Platform → its queue. One each, so that workers can be assigned platform by platform.
PUBLISH_QUEUES: dict[str, str] = {name: entry.queue for name, entry in PLATFORMS.items()}
#: Work that never waits for a platform: webhooks, tallies, jobs of lost workers.
MAINTENANCE_QUEUE = "maintenance"
#: Calls to platforms that can wait, and that a slow platform may hold up.
BACKGROUND_QUEUE = "background"
#: Consent exchanges, while a user waits for the result.
CONNECT_QUEUE = "connect"
#: Transcodes take minutes, so they get a queue of their own: a file that needs none never waits.
ENCODE_QUEUE = "encode"
QUEUE_NAMES: tuple[str, ...] = (
    *PUBLISH_QUEUES.values(),
    MAINTENANCE_QUEUE,
    BACKGROUND_QUEUE,
    CONNECT_QUEUE,
    ENCODE_QUEUE,
)

#: How many finished runs RQ keeps per queue, at most.
KEEP_COMPLETED = 100
KEEP_FAILED = 1000

# Functions are named by dotted path, so that the API never imports the workers.
ADVANCE = "workers.publishing.pipeline.advance"
DELIVER = "workers.webhooks.delivery.deliver"
FOLLOW_UP = "workers.maintenance.follow_ups.follow_up_due"
CHECK_AHEAD = "workers.maintenance.at_risk.check_ahead"
RENEW = "workers.maintenance.renewals.renew_due"
TRANSCODE = "workers.media.renditions.transcode_due"
COUNT_POSTS = "workers.maintenance.counts.count_due"
ROLL_UP = "workers.maintenance.tallies.roll_up_due"
CONNECT = "workers.accounts.consents.exchange_granted"
#: Function → its queue, for functions that find their own rows to work on.
QUEUE_OF: dict[str, str] = {
    DELIVER: MAINTENANCE_QUEUE,
    ROLL_UP: MAINTENANCE_QUEUE,
    FOLLOW_UP: BACKGROUND_QUEUE,
    CHECK_AHEAD: BACKGROUND_QUEUE,
    RENEW: BACKGROUND_QUEUE,
    COUNT_POSTS: BACKGROUND_QUEUE,
    CONNECT: CONNECT_QUEUE,
    TRANSCODE: ENCODE_QUEUE,
}
#: What a run may call: function → the types of its arguments. A worker executes nothing else, so
#: that being able to write to Redis is not being able to run code.
ARGUMENTS_OF: dict[str, tuple[type, ...]] = {ADVANCE: (str, str), **dict.fromkeys(QUEUE_OF, ())}

# Functions that a worker's parent process hands to its children directly, without a queue.
POLL = "workers.publishing.pipeline.poll"
RELEASE = "workers.publishing.pipeline.release_lost"
HEARTBEAT = "workers.engine.heartbeat.record_heartbeat"
TIDY = "workers.media.renditions.tidy"

#: Every function above.
FUNCTIONS: tuple[str, ...] = (ADVANCE, *QUEUE_OF, POLL, RELEASE, HEARTBEAT, TIDY)

"""Errors as clients see them: expected ones with their code, all others masked."""

from typing import Any

import structlog
from graphql import GraphQLError

from db.errors import BadValue, RuleBroken, TookTooLong, Unavailable
from db.relation import InvalidArgument
from graphql_api.told import request_id
from resolvers.errors import Refusal
from resolvers.rules import refusal_for

MASKED = "Something went wrong here. Tell us the request id, and we find it."

logger = structlog.get_logger()


def shown(error: GraphQLError) -> dict[str, Any]:
    """The error as it is told, without what is nobody's business; that goes to the log."""
    match error.original_error:
        case None:
            message, extensions = error.message, error.extensions or {"code": "INVALID_INPUT"}
        case GraphQLError() as cause:
            message, extensions = cause.message, cause.extensions or {"code": "INVALID_INPUT"}
        case Refusal() as cause:
            message, extensions = cause.message, {"code": cause.code}
        case InvalidArgument() as cause:
            message, extensions = str(cause), {"code": "INVALID_INPUT"}
        case BadValue():
            message, extensions = "A value is out of range.", {"code": "INVALID_INPUT"}
        case RuleBroken() as cause:
            refusal = refusal_for(cause)
            message, extensions = refusal.message, {"code": refusal.code}
        case TookTooLong() | Unavailable() as cause:
            message, extensions = _for_now(cause)
        case cause:
            logger.error("request failed", path=error.path, exc_info=cause)
            extensions = {"code": "INTERNAL", "requestId": request_id()}
            message = MASKED
    return {**error.formatted, "message": message, "extensions": extensions}


def _for_now(cause: TookTooLong | Unavailable) -> tuple[str, dict[str, Any]]:
    if isinstance(cause, TookTooLong):
        return "This takes too long. Ask for less.", {"code": "TIMEOUT"}
    said = "The database cannot be reached just now. What came before this was done."
    return said, {"code": "UNAVAILABLE"}

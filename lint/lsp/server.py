"""The server that an editor starts: `jobwarden lsp`. This and what it says are all that know pygls."""

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from lsprotocol import types
from pygls.lsp.server import LanguageServer
from pygls.uris import to_fs_path
from pygls.workspace import TextDocument

from lint import crash
from lint.lsp import offers, protocol
from lint.lsp.policies import Find, Load, Policies
from lint.lsp.reading import Reading, read
from lint.version import VERSION

_PAUSE = 0.2
"""Seconds without a key pressed, after which a text is read."""

_POLICIES = "**/jobwarden.yaml"


class Server(LanguageServer):
    """The state of a session.

    Texts come whole: pygls would put changed parts where Python has lines, and some characters end a line for
    Python that end none for an editor.
    """

    def __init__(self, policies: Policies) -> None:
        super().__init__("jobwarden", VERSION, types.TextDocumentSyncKind.Full)
        self.policies = policies
        self.readings: dict[str, Reading] = {}
        """What was read last, by the URI of the document."""
        self.timers: dict[str, asyncio.TimerHandle] = {}
        """Documents that wait for a pause in the typing."""
        self.bugs: set[str] = set()
        """Those of ours that were told."""
        self.ending = False
        """The editor said that it will end the session."""

    def tell(self, message: str) -> None:
        """Show a message to the user."""
        self.window_show_message(types.ShowMessageParams(types.MessageType.Error, f"jobwarden: {message}"))

    def opened(self, uri: str) -> TextDocument | None:
        """Return a document that is open in the editor."""
        documents: dict[str, TextDocument] = self.workspace.text_documents
        return documents.get(unquote(uri))

    def reading(self, document: TextDocument) -> Reading:
        """Read a document, unless that was done already."""
        policy = self.policies.of(to_fs_path(document.uri) or self.workspace.root_path or ".", self.tell)
        known = self.readings.get(document.uri)
        if known is None or known.policy is not policy or known.lines.text != document.source:
            encoding = types.PositionEncodingKind(self.workspace.position_encoding)
            known = self.readings[document.uri] = read(document.source, policy, encoding.value, known)
        return known


def serve(find: Find, load: Load) -> int:
    """Speak with an editor over the standard streams until it goes, and return the exit status."""
    gc.enable()  # a session lasts
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a thread that reads would keep the process
    output = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    sys.stdout = sys.stderr  # what anybody prints must not come between the messages
    server = Server(Policies(find, load))
    for name, handler in _HANDLERS.items():
        server.feature(name)(handler)
    kinds = [types.CodeActionKind.QuickFix, protocol.FIX_ALL]
    server.feature(types.TEXT_DOCUMENT_CODE_ACTION, types.CodeActionOptions(kinds))(_actions)
    server.start_io(sys.stdin.buffer, output)
    return 0 if server.ending else 1


def _initialized(server: Server, _params: types.InitializedParams) -> None:
    """Ask to be told of policy files that change; who cannot is noticed when a text is read."""
    watching = (
        server.client_capabilities.workspace or types.WorkspaceClientCapabilities()
    ).did_change_watched_files
    if watching and watching.dynamic_registration:
        options = types.DidChangeWatchedFilesRegistrationOptions([types.FileSystemWatcher(_POLICIES)])
        name = types.WORKSPACE_DID_CHANGE_WATCHED_FILES
        server.client_register_capability(
            types.RegistrationParams([types.Registration("policies", name, options)])
        )


def _opened(server: Server, params: types.DidOpenTextDocumentParams) -> None:
    _publish(server, params.text_document.uri)


def _changed(server: Server, params: types.DidChangeTextDocumentParams) -> None:
    _later(server, params.text_document.uri)


def _saved(server: Server, params: types.DidSaveTextDocumentParams) -> None:
    """Look at everything again when a policy was saved: not every editor watches files."""
    if params.text_document.uri.endswith(_POLICIES[2:]):
        _publish_all(server)


def _watched(server: Server, _params: types.DidChangeWatchedFilesParams) -> None:
    _publish_all(server)


def _closed(server: Server, params: types.DidCloseTextDocumentParams) -> None:
    """Forget a document, and take back what was told of it."""
    uri = params.text_document.uri
    _stop(server, uri)
    server.readings.pop(uri, None)
    server.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, []))


def _shutdown(server: Server, _params: None) -> None:
    server.ending = True


def _stop(server: Server, uri: str) -> None:
    if timer := server.timers.pop(uri, None):
        timer.cancel()


def _later(server: Server, uri: str) -> None:
    """Read a document after a pause; however fast somebody types, only one reading waits."""
    _stop(server, uri)
    server.timers[uri] = asyncio.get_running_loop().call_later(_PAUSE, _publish, server, uri)


def _publish_all(server: Server) -> None:
    for document in list(server.workspace.text_documents.values()):
        _publish(server, document.uri)


def _publish(server: Server, uri: str) -> None:
    """Tell what there is to tell of a document."""
    _stop(server, uri)
    document = server.opened(uri)
    if document is None:
        return
    try:
        told = protocol.diagnostics(server.reading(document))
    except Exception as error:  # noqa: BLE001 - a bug of ours must not end the session
        _confess(server, document, error)
        told = []
    server.text_document_publish_diagnostics(
        types.PublishDiagnosticsParams(document.uri, told, document.version)
    )


def _confess(server: Server, document: TextDocument, error: Exception) -> None:
    """Write what to report into the log of the server; say so once for each document and bug."""
    print(crash.text(error, document.uri), end="", file=sys.stderr, flush=True)  # noqa: T201 - the log
    if (bug := f"{document.uri} {error!r}") not in server.bugs:
        server.bugs.add(bug)
        server.tell(f"a bug of Jobwarden, met in {document.filename}: what to report is in the server's log")


def _hover(server: Server, params: types.HoverParams) -> types.Hover | None:
    """Show the page of the rule that found something here."""
    document = server.opened(params.text_document.uri)
    able = server.client_capabilities.text_document
    formats = able.hover.content_format if able and able.hover else None
    markdown = types.MarkupKind.Markdown in (formats or [types.MarkupKind.Markdown])
    reading = server.reading(document) if document else None
    return protocol.hover(reading, params.position, markdown=markdown) if reading else None


def _actions(server: Server, params: types.CodeActionParams) -> list[types.CodeAction]:
    """Offer what can be changed in the selected range."""
    document = server.opened(params.text_document.uri)
    if document is None:
        return []
    workspace = server.client_capabilities.workspace
    able = workspace.workspace_edit if workspace else None
    return [
        types.CodeAction(
            offer.title,
            offer.kind,
            offer.diagnostics,
            offer.preferred,
            edit=_edit(document, offer.edits, versioned=bool(able and able.document_changes)),
        )
        for offer in offers.offers(server.reading(document), params.range, params.context.only)
    ]


def _edit(document: TextDocument, edits: offers.Edits, *, versioned: bool) -> types.WorkspaceEdit:
    """Write edits of a document, for the version that they were worked out for if the editor heeds it."""
    if not versioned:
        return types.WorkspaceEdit({document.uri: [one for one in edits if isinstance(one, types.TextEdit)]})
    known = types.OptionalVersionedTextDocumentIdentifier(document.uri, document.version)
    return types.WorkspaceEdit(document_changes=[types.TextDocumentEdit(known, edits)])


_HANDLERS: dict[str, Callable[..., Any]] = {
    types.INITIALIZED: _initialized,
    types.SHUTDOWN: _shutdown,
    types.TEXT_DOCUMENT_DID_OPEN: _opened,
    types.TEXT_DOCUMENT_DID_CHANGE: _changed,
    types.TEXT_DOCUMENT_DID_SAVE: _saved,
    types.TEXT_DOCUMENT_DID_CLOSE: _closed,
    types.WORKSPACE_DID_CHANGE_WATCHED_FILES: _watched,
    types.TEXT_DOCUMENT_HOVER: _hover,
}

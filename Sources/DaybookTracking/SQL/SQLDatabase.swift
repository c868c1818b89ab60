// Where the rows are: a file of SQLite's, or a PostgreSQL database. What stands there is in `TrackingSchema`; connections are
// sessions.

public import Daybook

/// A database for tracking.
public struct SQLDatabase: Sendable, Hashable, CustomStringConvertible {
    private enum Place: Hashable {
        case file(String)
        case server(String)
    }
    private let place: Place

    /// A file of SQLite's, which is made when something is first written.
    public static func sqlite(_ path: String) -> SQLDatabase { SQLDatabase(place: .file(path)) }

    /// A PostgreSQL database: `postgres://user@host:5432/database`, with libpq's parameters behind a question mark. Passwords
    /// may be where libpq looks for them: in `~/.pgpass`, or in the environment.
    public static func postgres(_ url: String) -> SQLDatabase { SQLDatabase(place: .server(url)) }

    /// The file `tracking.sqlite` in a daybook's directory.
    public static func beside(_ daybook: Daybook) -> SQLDatabase { .inDirectory(daybook.directory) }

    /// The file `tracking.sqlite` in a data directory.
    public static func inDirectory(_ directory: String) -> SQLDatabase { .sqlite(directory + "/" + fileName) }

    /// The name of the file in a data directory.
    public static let fileName = "tracking.sqlite"

    /// Reads what people write: a URL of PostgreSQL's, or a path.
    public init(_ text: String) {
        let isURL = ["postgres://", "postgresql://"].contains { text.hasPrefix($0) }
        place = isURL ? .server(text) : .file(text)
    }

    private init(place: Place) { self.place = place }

    /// The path of the file; nil for a database of a server.
    public var path: String? { if case .file(let path) = place { path } else { nil } }

    /// The path, or the URL without what might be a password.
    public var description: String {
        switch place {
        case .file(let path): return path
        case .server(let url):
            guard let at = url.lastIndex(of: "@"), let scheme = url.firstRange(of: "://") else { return url }
            let user = url[scheme.upperBound..<at].prefix { $0 != ":" }
            return String(url[..<scheme.upperBound] + user + url[at...].prefix { $0 != "?" })
        }
    }

    func session(_ access: SQLiteSession.Access) throws(SQLError) -> any SQLSession {
        switch place {
        case .file(let path): try SQLiteSession(path: path, access)
        case .server(let url): try PostgresSession(url: url)
        }
    }
}

// What libFuzzer calls: one run of the target that the environment names. A broken promise ends the process, which is how
// libFuzzer learns of it. What is promised stands in DaybookTesting, beside each target.

import DaybookTesting

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

private let target: FuzzTarget = {
    guard let name = getenv("DAYBOOK_FUZZ_TARGET"), let target = FuzzTarget(rawValue: String(cString: name)) else {
        let names = FuzzTarget.allCases.map(\.name).joined(separator: ", ")
        fatalError("DAYBOOK_FUZZ_TARGET must name one of \(names)")
    }
    return target
}()

/// Called once, before the first run. With DAYBOOK_FUZZ_SEEDS it writes the target's seeds into that folder and ends.
@_cdecl("LLVMFuzzerInitialize")
public func initialize(_ count: UnsafeMutableRawPointer, _ arguments: UnsafeMutableRawPointer) -> CInt {
    guard let folder = getenv("DAYBOOK_FUZZ_SEEDS") else { return 0 }
    do {
        for (number, seed) in try target.seeds.enumerated() {
            let path = "\(String(cString: folder))/seed-\(number)"
            guard let file = fopen(path, "wb"), fwrite(seed, 1, seed.count, file) == seed.count, fclose(file) == 0
            else { fatalError("\(path) could not be written") }
        }
    } catch {
        fatalError("there are no seeds: \(error)")
    }
    exit(0)
}

/// One run.
@_cdecl("LLVMFuzzerTestOneInput")
public func runOne(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    do {
        try target.run(Array(UnsafeBufferPointer(start: start, count: count)))
    } catch {
        fatalError("\(target.name): \(error)")
    }
    return 0
}

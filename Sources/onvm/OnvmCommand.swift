@main enum OnvmCommand {
    static func main() {}
}

package hudson.slaves;

public class JNLPLauncher extends ComputerLauncher {
    private boolean webSocket;

    public boolean isWebSocket() {
        return webSocket;
    }

    public void setWebSocket(boolean webSocket) {
        this.webSocket = webSocket;
    }
}

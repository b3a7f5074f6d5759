package jenkins.model;

public class JenkinsLocationConfiguration {
    private static final JenkinsLocationConfiguration INSTANCE = new JenkinsLocationConfiguration();
    private String url;

    public static JenkinsLocationConfiguration get() {
        return INSTANCE;
    }

    public String getUrl() {
        return url;
    }

    public void setUrl(String url) {
        this.url = url;
    }

    public void save() {}
}
